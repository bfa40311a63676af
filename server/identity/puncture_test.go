package identity

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestForgottenKeyIsShutAndAllOthersOpen forgets one person after another, among many.
func TestForgottenKeyIsShutAndAllOthersOpen(t *testing.T) {
	v, f := newVault(t)
	ctx := t.Context()
	const n = 24
	wrapped, prints := make([][]byte, n), make([][]byte, n)
	who := func(i int) Binding {
		return Binding{Subject: Subject{Tenant: "a", Speaker: fmt.Sprint("person ", i)}, Model: "m", ModelVersion: "1"}
	}
	enrol := func(i int) {
		var err error
		if wrapped[i], err = v.NewPersonKey(ctx, who(i).Subject); err != nil {
			t.Fatal(err)
		}
		if prints[i], err = v.Seal(ctx, who(i), wrapped[i], []byte("print")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		enrol(i)
	}
	reopened := f
	for gone := range n / 2 {
		if err := f.Forget(ctx, who(gone).Subject, wrapped[gone]); err != nil {
			t.Fatal(err)
		}
		if err := f.Forget(ctx, who(gone).Subject, wrapped[gone]); err != nil {
			t.Fatalf("a second time: %v", err)
		}
		if gone%4 == 0 { // whoever comes after deletions is as safe
			enrol(n - 1)
		}
		var err error
		if reopened, err = OpenKeyFile(f.path); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			_, err := NewVault(reopened).Open(ctx, who(i), wrapped[i], prints[i])
			if i <= gone && !errors.Is(err, ErrKeyDestroyed) {
				t.Fatalf("person %d of %d forgotten: %v, want ErrKeyDestroyed", i, gone+1, err)
			}
			if i > gone && err != nil {
				t.Fatalf("person %d, %d forgotten: %v", i, gone+1, err)
			}
		}
	}
	if info, err := os.Stat(f.path); err != nil || info.Size() > n/2*6000 {
		t.Errorf("key file of %d bytes after %d deletions, error %v, want at most 6,000 each", info.Size(), n/2, err)
	}
	// A rotation starts afresh.
	if _, err := f.Rotate("a"); err != nil {
		t.Fatal(err)
	}
	for i := n / 2; i < n; i++ {
		again, err := v.Rewrap(ctx, who(i).Subject, wrapped[i])
		if err != nil {
			t.Fatal(err)
		}
		wrapped[i] = again
	}
	if _, err := f.Retire("a"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.path); err != nil || info.Size() > 2000 {
		t.Errorf("key file of %d bytes after a rotation, error %v, want a small one", info.Size(), err)
	}
	for i := range n {
		_, err := v.Open(ctx, who(i), wrapped[i], prints[i])
		if (err == nil) != (i >= n/2) {
			t.Errorf("person %d after the rotation: %v", i, err)
		}
	}
}

func TestWrappedKeyOfAnotherLeafDoesNotOpen(t *testing.T) {
	v, _ := newVault(t)
	wrapped, print := sealed(t, v, []byte("print"))
	for i := 1; i <= len(leaf{}); i++ {
		moved := bytes.Clone(wrapped)
		moved[len(moved)-i] ^= 1
		if _, err := v.Open(t.Context(), anna(), moved, print); !errors.Is(err, ErrSealBroken) {
			t.Errorf("byte %d from the end changed: %v, want ErrSealBroken", i, err)
		}
	}
}

func TestNodesThatNoPunctureLeaves(t *testing.T) {
	key := make(hexBytes, KeySize)
	for name, nodes := range map[string]tree{
		"no_digits": {"02": key}, "too_deep": {string(bytes.Repeat([]byte("0"), leafBits+1)): key}, "short": {"0": key[1:]},
		"below_another": {"1": key, "101": key, "11": key}, "below_the_root": {"": key, "0": key},
	} {
		if err := nodes.validate(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := (tree{"": key}).puncture(leaf{}).validate(); err != nil {
		t.Errorf("what a puncture leaves: %v", err)
	}
}

// TestAnotherProcessForgets: a key file that is open elsewhere does not bring back what was destroyed.
func TestAnotherProcessForgets(t *testing.T) {
	v, f := newVault(t)
	wrapped, print := sealed(t, v, []byte("print"))
	other, err := OpenKeyFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Forget(t.Context(), anna().Subject, wrapped); err != nil {
		t.Fatal(err)
	}
	if err := f.AddTenant("c"); err != nil {
		t.Fatal(err)
	}
	again, err := OpenKeyFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]*KeyFile{"the writer": f, "the file": again} {
		if _, err := NewVault(keys).Open(t.Context(), anna(), wrapped, print); !errors.Is(err, ErrKeyDestroyed) {
			t.Errorf("%s: %v, want ErrKeyDestroyed", name, err)
		}
	}
}

func BenchmarkUnwrapAfter100Deletions(b *testing.B) {
	t := tree{"": random(KeySize)}
	for range 100 {
		t = t.puncture(t.fresh())
	}
	l := t.fresh()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := t.key(l); !ok {
			b.Fatal("a fresh leaf was destroyed")
		}
	}
}
