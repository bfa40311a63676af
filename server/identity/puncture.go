package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A tenant key is the root of a binary tree whose leaves are the keys that wrap one person's key each. A node gives the nodes below
// it (child), never those above, so that destroying a leaf means keeping, in the place of the nodes on its way to the root, the
// other child of each: every other leaf can still be made, and that one by nobody. This is a puncturable pseudorandom function
// (Goldreich, Goldwasser & Micali, JACM 33, 1986; Sahai & Waters, STOC 2014). What is bought by it: the person's wrapped key in a
// backup of the database stays shut although the tenant key opens everybody else's.

// leafBits is the depth of the tree: deep enough that of a million random leaves no two meet (1 in 500), and 48 nodes a puncture.
const leafBits = 48

// leaf is the place of a person's wrapping key: 48 bits, of which the first is the branch at the root.
type leaf [leafBits / 8]byte

// path returns the branches from the root as digits 0 and 1.
func (l leaf) path() string {
	var b strings.Builder
	for _, x := range l {
		fmt.Fprintf(&b, "%08b", x)
	}
	return b.String()
}

// child returns a node below a node.
func child(node []byte, branch byte) []byte {
	m := hmac.New(sha256.New, node)
	m.Write([]byte("timbre tree 1"))
	m.Write([]byte{branch})
	return m.Sum(nil)
}

// tree is the nodes of a tenant key by their path. An untouched one has the root alone, whose path is empty. Not changed in place.
type tree map[string]hexBytes

// over returns the node of the tree above a leaf's path, or false where the leaf was destroyed.
func (t tree) over(path string) (string, []byte, bool) {
	for n := 0; n <= len(path); n++ {
		if key, ok := t[path[:n]]; ok {
			return path[:n], key, true
		}
	}
	return "", nil, false
}

// key returns the wrapping key of a leaf, or false where it was destroyed.
func (t tree) key(l leaf) ([]byte, bool) {
	path := l.path()
	at, key, ok := t.over(path)
	if !ok {
		return nil, false
	}
	for n := len(at); n < len(path); n++ {
		key = child(key, path[n]-'0')
	}
	return key, true
}

// fresh returns a random leaf that was not destroyed: below the node nearest to the root.
func (t tree) fresh() leaf {
	top := slices.MinFunc(slices.Collect(maps.Keys(t)), func(a, b string) int { return len(a) - len(b) })
	var l leaf
	rand.Read(l[:]) // never fails (Go 1.24)
	for n := range len(top) {
		bit := byte(0x80) >> (n % 8)
		if l[n/8] &^= bit; top[n] == '1' {
			l[n/8] |= bit
		}
	}
	return l
}

// puncture returns the tree without a leaf.
func (t tree) puncture(l leaf) tree {
	path := l.path()
	at, key, ok := t.over(path)
	if !ok {
		return t
	}
	out := maps.Clone(t)
	delete(out, at)
	for n := len(at); n < len(path); n++ {
		branch := path[n] - '0'
		out[path[:n]+string('1'-branch)] = child(key, 1-branch)
		key = child(key, branch)
	}
	return out
}

// validate refuses nodes that no puncture leaves.
func (t tree) validate() error {
	paths := slices.Sorted(maps.Keys(t))
	for i, p := range paths {
		if len(p) > leafBits || strings.Trim(p, "01") != "" {
			return fmt.Errorf("node %.60q, want at most %d digits 0 and 1", p, leafBits)
		}
		if len(t[p]) != KeySize {
			return fmt.Errorf("node %q of %d bytes, want %d", p, len(t[p]), KeySize)
		}
		if i > 0 && strings.HasPrefix(p, paths[i-1]) { // sorted: what p lies below stands before it, with nothing but its like between
			return fmt.Errorf("node %q lies below node %q", p, paths[i-1])
		}
	}
	return nil
}

// split takes a wrapped key apart into its envelope and its leaf.
func split(wrapped []byte) ([]byte, leaf, error) {
	var l leaf
	n := len(wrapped) - len(l)
	if n < headerSize+sealSize {
		return nil, l, fmt.Errorf("%w: wrapped key of %d bytes, want at least %d", ErrEnvelope, len(wrapped), headerSize+sealSize+len(l))
	}
	copy(l[:], wrapped[n:])
	return wrapped[:n], l, nil
}

// String returns the leaf as hex digits, which its envelope is bound to.
func (l leaf) String() string {
	return fmt.Sprintf("%012x", binary.BigEndian.Uint64(append([]byte{0, 0}, l[:]...)))
}
