// Command xmod checks a served Counterfoil chain with an implementation that is not ours:
// golang.org/x/mod/sumdb/tlog (tree, tiles, proofs) and golang.org/x/mod/sumdb/note (signatures).
//
// It reads checkpoint, tiles and entry bundles from a base URL or a directory. Two names differ
// between C2SP and x/mod and are adapted here, and nothing else: the tile path has no height
// (tile/<L>/<N> for tile/8/<L>/<N>, entries for data), and the checkpoint's first line is the
// origin instead of "go.sum database tree". Every hash and every signature is x/mod's.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height        = 8
	width         = 1 << height
	linkBytes     = 77
	resourceBytes = 1 << 20
	entriesMax    = 100000
)

type source struct {
	base   string
	client *http.Client
}

func (s source) get(path string) ([]byte, error) {
	if !strings.HasPrefix(s.base, "http://") && !strings.HasPrefix(s.base, "https://") {
		return os.ReadFile(filepath.Join(strings.TrimPrefix(s.base, "file://"), path))
	}
	response, err := s.client.Get(strings.TrimSuffix(s.base, "/") + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, resourceBytes))
}

// c2spPath turns x/mod's tile/8/<L>/<N> into C2SP's tile/<L>/<N>.
func c2spPath(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
}

// ReadTiles, Height and SaveTiles make source a tlog.TileReader.
func (s source) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := s.get(c2spPath(tile))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", c2spPath(tile), len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

func (s source) Height() int                     { return height }
func (s source) SaveTiles([]tlog.Tile, [][]byte) {}

// entries returns the links of one bundle.
func (s source) entries(number int64, count int) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: 0, N: number, W: count}
	path := "tile/entries/" + strings.TrimPrefix(c2spPath(tile), "tile/0/")
	data, err := s.get(path)
	if err != nil {
		return nil, err
	}
	var links [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, fmt.Errorf("%s: ends within a length", path)
		}
		length := int(binary.BigEndian.Uint16(data))
		if length != linkBytes || len(data) < 2+length {
			return nil, fmt.Errorf("%s: entry of %d bytes", path, length)
		}
		links = append(links, data[2:2+length])
		data = data[2+length:]
	}
	if len(links) != count {
		return nil, fmt.Errorf("%s: %d entries for %d", path, len(links), count)
	}
	return links, nil
}

type checks struct{ passed, failed int }

func (c *checks) report(name string, err error) {
	if err != nil {
		c.failed++
		fmt.Printf("FAIL  %s: %v\n", name, err)
		return
	}
	c.passed++
	fmt.Printf("ok    %s\n", name)
}

func openCheckpoint(s source, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	signed, err := s.get("checkpoint")
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	origin, rest, found := strings.Cut(opened.Text, "\n")
	if !found || origin != verifier.Name() {
		return tree, errors.New("the first line is not the key's name")
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

// indices returns the edges of the tree's subtrees and some places between.
func indices(size int64) []int64 {
	seen := map[int64]bool{}
	for _, n := range []int64{0, 1, 2, 127, 128, 254, 255, 256, 257, size / 3, size / 2, 65534,
		65535, 65536, 65537, size - 257, size - 256, size - 255, size - 2, size - 1} {
		if n >= 0 && n < size {
			seen[n] = true
		}
	}
	var list []int64
	for n := range seen {
		list = append(list, n)
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list
}

// stored holds the hashes of a tree in x/mod's own storage order, computed from its entries.
type stored []tlog.Hash

// ReadHashes makes stored a tlog.HashReader.
func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		if index < 0 || index >= int64(len(s)) {
			return nil, fmt.Errorf("no stored hash %d", index)
		}
		hashes = append(hashes, s[index])
	}
	return hashes, nil
}

// rebuild computes the tree from the entries alone and compares its root with the signed one.
func rebuild(s source, tree tlog.Tree) (stored, error) {
	if tree.N > entriesMax {
		return nil, fmt.Errorf("tree of %d is beyond this check's %d entries", tree.N, entriesMax)
	}
	var all stored
	for first := int64(0); first < tree.N; first += width {
		links, err := s.entries(first/width, bundleWidth(first/width, tree.N))
		if err != nil {
			return nil, err
		}
		for i, link := range links {
			n := first + int64(i)
			if index := binary.BigEndian.Uint64(link[5:13]); index != uint64(n) {
				return nil, fmt.Errorf("entry %d says it is %d", n, index)
			}
			hashes, err := tlog.StoredHashes(n, link, all)
			if err != nil {
				return nil, err
			}
			all = append(all, hashes...)
		}
	}
	root, err := tlog.TreeHash(tree.N, all)
	if err == nil && root != tree.Hash {
		err = errors.New("the entries have another root")
	}
	return all, err
}

func bundleWidth(number, size int64) int {
	if rest := size - number*width; rest < width {
		return int(rest)
	}
	return width
}

// checkTiles compares every byte of every hash tile of the tree with the tile that x/mod makes from
// the entries. (TileHashReader does not authenticate each tile it reads: of the tiles after those
// of the tree's own root it leaves out as many as that root's hashes share tiles.)
func checkTiles(s source, tree tlog.Tree, all stored) error {
	for level := 0; tree.N>>(height*level) > 0; level++ {
		count := tree.N >> (height * level)
		for n := int64(0); n*width < count; n++ {
			tile := tlog.Tile{H: height, L: level, N: n, W: bundleWidth(n, count)}
			expected, err := tlog.ReadTileData(tile, all)
			if err != nil {
				return err
			}
			served, err := s.get(c2spPath(tile))
			if err != nil {
				return err
			}
			if !bytes.Equal(served, expected) {
				return fmt.Errorf("%s is not the tile of its entries", c2spPath(tile))
			}
		}
	}
	return nil
}

func checkInclusion(s source, tree tlog.Tree, hashes tlog.HashReader, n int64) error {
	proof, err := tlog.ProveRecord(tree.N, n, hashes)
	if err != nil {
		return err
	}
	links, err := s.entries(n/width, bundleWidth(n/width, tree.N))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(links[n%width]))
}

func checkConsistency(tree tlog.Tree, hashes tlog.HashReader, old int64, root *tlog.Hash) error {
	proof, err := tlog.ProveTree(tree.N, old, hashes)
	if err != nil {
		return err
	}
	oldRoot := tlog.Hash{}
	if root != nil {
		oldRoot = *root
	} else if oldRoot, err = tlog.TreeHash(old, hashes); err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old, oldRoot)
}

func run(s source, vkey string, olds []string) *checks {
	c := &checks{}
	tree, err := openCheckpoint(s, vkey)
	c.report("note: signature and checkpoint", err)
	if err != nil {
		return c
	}
	hashes := tlog.TileHashReader(tree, s)
	root, err := tlog.TreeHash(tree.N, hashes)
	if err == nil && root != tree.Hash {
		err = errors.New("the tiles have another root")
	}
	c.report(fmt.Sprintf("tlog: root of %d from tiles", tree.N), err)
	all, err := rebuild(s, tree)
	c.report("tlog: root from entries", err)
	if err == nil {
		c.report("tlog: every hash tile is that of its entries", checkTiles(s, tree, all))
	}
	for _, n := range indices(tree.N) {
		c.report(fmt.Sprintf("tlog: inclusion of %d", n), checkInclusion(s, tree, hashes, n))
	}
	for _, given := range olds {
		// SIZE, or SIZE=ROOT with the root that an earlier checkpoint stated.
		size, stated, hasRoot := strings.Cut(given, "=")
		old, err := strconv.ParseInt(size, 10, 64)
		var root *tlog.Hash
		if err == nil && hasRoot {
			var parsed tlog.Hash
			parsed, err = tlog.ParseHash(stated)
			root = &parsed
		}
		if err == nil && (old < 1 || old > tree.N) {
			err = errors.New("not a size below the tree's")
		}
		if err == nil {
			err = checkConsistency(tree, hashes, old, root)
		}
		c.report(fmt.Sprintf("tlog: consistency from %s", size), err)
	}
	return c
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: xmod URL|DIR VKEY [OLDSIZE[=ROOT]...]")
		os.Exit(2)
	}
	s := source{os.Args[1], &http.Client{Timeout: 30 * time.Second}}
	c := run(s, os.Args[2], os.Args[3:])
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 {
		os.Exit(1)
	}
}
