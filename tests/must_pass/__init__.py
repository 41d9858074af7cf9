"""What looks unusual and is right all the same: `firsthand verify` must accept it."""
