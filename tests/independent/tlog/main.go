// Check a published log and proofs of it with golang.org/x/mod/sumdb, which knows nothing of ours.
//
//	go run main.go FOLDER KEY PROOFS
//
// FOLDER is a published log, KEY its key as NAME+ID+KEY, PROOFS a JSON file with the proofs to be
// compared, hash by hash, with those that tlog makes itself from the tiles. Prints what was done.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proofs struct {
	Inclusion []struct {
		Index, Size int64
		Path        []string
	}
	Consistency []struct {
		Old, New int64
		OldRoot  string
		Path     []string
	}
	Travelling []string
}

type folder struct{ path string }

func (f folder) Height() int                          { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(f.path, "tile", strings.TrimPrefix(tile.Path(), "tile/8/")))
		if err != nil && tile.W < 256 {
			whole := tile
			whole.W = 256
			data, err = os.ReadFile(filepath.Join(f.path, "tile", strings.TrimPrefix(whole.Path(), "tile/8/")))
			if err == nil {
				data = data[:tile.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func hash(text string) tlog.Hash {
	raw, err := base64.StdEncoding.DecodeString(text)
	must(err)
	var made tlog.Hash
	copy(made[:], raw)
	return made
}

func same(what string, ours []string, theirs []tlog.Hash) {
	if len(ours) != len(theirs) {
		log.Fatalf("%s: %d hashes, tlog has %d", what, len(ours), len(theirs))
	}
	for i := range ours {
		if hash(ours[i]) != theirs[i] {
			log.Fatalf("%s: hash %d differs", what, i)
		}
	}
}

func open(data []byte, key string) (int64, tlog.Hash) {
	verifier, err := note.NewVerifier(key)
	must(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatal("this is not a checkpoint of the log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	return size, hash(lines[2])
}

func main() {
	place, key := folder{os.Args[1]}, os.Args[2]
	data, err := os.ReadFile(filepath.Join(place.path, "checkpoint"))
	must(err)
	size, root := open(data, key)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, place)

	// Every entry, against the leaf that the tiles have of it.
	entries := make([][]byte, 0, size)
	for n := int64(0); n < size; n += 256 {
		width := 256
		if size-n < 256 {
			width = int(size - n)
		}
		tile := tlog.Tile{H: 8, L: 0, N: n / 256, W: width}
		name := filepath.Join(place.path, "tile/entries", strings.TrimPrefix(tile.Path(), "tile/8/0/"))
		bundle, err := os.ReadFile(name)
		must(err)
		for len(bundle) > 0 {
			length := int(bundle[0])<<8 | int(bundle[1])
			entries = append(entries, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	if int64(len(entries)) != size {
		log.Fatalf("%d entries, the checkpoint says %d", len(entries), size)
	}
	for n, entry := range entries {
		found, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(n))})
		must(err)
		if found[0] != tlog.RecordHash(entry) {
			log.Fatalf("entry %d has another hash", n)
		}
	}

	// The root of all prefixes that are asked about, and proofs as tlog makes them.
	raw, err := os.ReadFile(os.Args[3])
	must(err)
	var asked proofs
	must(json.Unmarshal(raw, &asked))
	for _, item := range asked.Inclusion {
		proof, err := tlog.ProveRecord(item.Size, item.Index, reader)
		must(err)
		same(fmt.Sprintf("inclusion of %d in %d", item.Index, item.Size), item.Path, proof)
		tree, err := tlog.TreeHash(item.Size, reader)
		must(err)
		must(tlog.CheckRecord(proof, item.Size, tree, item.Index, tlog.RecordHash(entries[item.Index])))
	}
	for _, item := range asked.Consistency {
		proof, err := tlog.ProveTree(item.New, item.Old, reader)
		must(err)
		same(fmt.Sprintf("consistency of %d with %d", item.Old, item.New), item.Path, proof)
		tree, err := tlog.TreeHash(item.New, reader)
		must(err)
		must(tlog.CheckTree(proof, item.New, tree, item.Old, hash(item.OldRoot)))
	}
	// Proofs that travel alone.
	for _, text := range asked.Travelling {
		head, signed, _ := strings.Cut(text, "\n\n")
		lines := strings.Split(head, "\n")
		if lines[0] != "c2sp.org/tlog-proof@v1" {
			log.Fatal("no proof")
		}
		entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
		must(err)
		index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
		must(err)
		var proof tlog.RecordProof
		for _, line := range lines[3:] {
			proof = append(proof, hash(line))
		}
		n, tree := open([]byte(signed), key)
		must(tlog.CheckRecord(proof, n, tree, index, tlog.RecordHash(entry)))
	}
	fmt.Printf("checkpoint of %d, %d entries, %d inclusion, %d consistency, %d travelling proofs\n",
		size, len(entries), len(asked.Inclusion), len(asked.Consistency), len(asked.Travelling))
}
