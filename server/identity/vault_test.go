package identity

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newVault returns a vault over a fresh key file with keys of the tenants a and b.
func newVault(t *testing.T) (*Vault, *KeyFile) {
	t.Helper()
	f, err := CreateKeyFile(filepath.Join(t.TempDir(), "keys.json"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddTenant("b"); err != nil {
		t.Fatal(err)
	}
	return NewVault(f), f
}

func anna() Binding {
	return Binding{Subject: Subject{Tenant: "a", Speaker: "anna"}, Model: "speaker-tdnn-v1", ModelVersion: "1.0.0"}
}

// sealed returns a print of anna and her wrapped key.
func sealed(t *testing.T, v *Vault, plain []byte) (wrapped, print []byte) {
	t.Helper()
	wrapped, err := v.NewPersonKey(t.Context(), anna().Subject)
	if err != nil {
		t.Fatal(err)
	}
	print, err = v.Seal(t.Context(), anna(), wrapped, plain)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped, print
}

func TestOpenReturnsWhatSealTook(t *testing.T) {
	v, _ := newVault(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 16, 1000, 100_000} {
		plain := make([]byte, n)
		for i := range plain {
			plain[i] = byte(r.Uint32())
		}
		wrapped, print := sealed(t, v, plain)
		if n >= 16 && bytes.Contains(print, plain[:16]) {
			t.Errorf("%d bytes: the envelope shows the print", n)
		}
		if len(print) != headerSize+sealSize+n {
			t.Errorf("%d bytes: envelope of %d, want %d", n, len(print), headerSize+sealSize+n)
		}
		got, err := v.Open(t.Context(), anna(), wrapped, print)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d back, error %v", n, len(got), err)
		}
	}
}

func TestSealingTwiceNeverGivesTheSameBytes(t *testing.T) {
	v, _ := newVault(t)
	wrapped, a := sealed(t, v, []byte("print"))
	b, err := v.Seal(t.Context(), anna(), wrapped, []byte("print"))
	if err != nil || bytes.Equal(a, b) {
		t.Errorf("the same envelope twice, error %v: the nonce repeats", err)
	}
}

func TestSwappedRowsDoNotOpen(t *testing.T) {
	v, _ := newVault(t)
	wrapped, print := sealed(t, v, []byte("print"))
	for name, change := range map[string]func(*Binding){
		"another_tenant":        func(b *Binding) { b.Tenant = "b" },
		"another_speaker":       func(b *Binding) { b.Speaker = "bert" },
		"another_model":         func(b *Binding) { b.Model = "speaker-tdnn-v2" },
		"another_model_version": func(b *Binding) { b.ModelVersion = "1.0.1" },
		"shifted_border":        func(b *Binding) { b.Model, b.ModelVersion = "speaker-tdnn-v11", ".0.0" },
	} {
		t.Run(name, func(t *testing.T) {
			b := anna()
			change(&b)
			got, err := v.Open(t.Context(), b, wrapped, print)
			if got != nil || !errors.Is(err, ErrSealBroken) && !errors.Is(err, ErrUnknownKey) {
				t.Errorf("opened to %q, error %v, want ErrSealBroken or ErrUnknownKey", got, err)
			}
		})
	}
	t.Run("key_of_another_person", func(t *testing.T) {
		bert := Subject{Tenant: "a", Speaker: "bert"}
		his, err := v.NewPersonKey(t.Context(), bert)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Open(t.Context(), anna(), his, print); !errors.Is(err, ErrSealBroken) {
			t.Errorf("his key in her row: %v, want ErrSealBroken", err)
		}
		b := anna()
		b.Subject = bert
		if _, err := v.Open(t.Context(), b, his, print); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("her print in his row: %v, want ErrUnknownKey", err)
		}
	})
}

func TestEveryDamagedBitIsNoticed(t *testing.T) {
	v, _ := newVault(t)
	wrapped, print := sealed(t, v, []byte("print"))
	known := func(err error) bool {
		return errors.Is(err, ErrSealBroken) || errors.Is(err, ErrEnvelope) || errors.Is(err, ErrUnknownKey)
	}
	for i := range print {
		for bit := range 8 {
			bad := bytes.Clone(print)
			bad[i] ^= 1 << bit
			if got, err := v.Open(t.Context(), anna(), wrapped, bad); got != nil || !known(err) {
				t.Fatalf("print: byte %d bit %d: opened to %q, error %v", i, bit, got, err)
			}
		}
	}
	for i := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[i] ^= 0x10
		if got, err := v.Open(t.Context(), anna(), bad, print); got != nil || !known(err) {
			t.Fatalf("key: byte %d: opened to %q, error %v", i, got, err)
		}
	}
	for n := range len(print) {
		if got, err := v.Open(t.Context(), anna(), wrapped, print[:n]); got != nil || !known(err) {
			t.Fatalf("print cut to %d bytes: opened to %q, error %v", n, got, err)
		}
	}
}

func TestDestroyedKeyMakesThePrintUnreadable(t *testing.T) {
	v, _ := newVault(t)
	_, print := sealed(t, v, []byte("print"))
	if _, err := v.Open(t.Context(), anna(), nil, print); !errors.Is(err, ErrKeyDestroyed) {
		t.Errorf("open: %v, want ErrKeyDestroyed", err)
	}
	if _, err := v.Seal(t.Context(), anna(), nil, []byte("print")); !errors.Is(err, ErrKeyDestroyed) {
		t.Errorf("seal: %v, want ErrKeyDestroyed", err)
	}
	fresh, err := v.NewPersonKey(t.Context(), anna().Subject) // she enrols again, under a key of her own
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(t.Context(), anna(), fresh, print); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("old print, new key: %v, want ErrUnknownKey", err)
	}
}

func TestRotationKeepsThePrints(t *testing.T) {
	v, f := newVault(t)
	wrapped, print := sealed(t, v, []byte("print"))
	alias, err := f.Pseudonym(anna().Subject)
	if err != nil {
		t.Fatal(err)
	}
	id, err := f.Rotate("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Open(t.Context(), anna(), wrapped, print); err != nil {
		t.Errorf("rotated, not wrapped anew yet: %v", err)
	}
	again, err := v.Rewrap(t.Context(), anna().Subject, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := WrappedBy(again); err != nil || got != id {
		t.Errorf("wrapped anew by key %s, error %v, want %s", got, err, id)
	}
	if got, err := f.Present("a"); err != nil || got != id {
		t.Errorf("present key %s, error %v, want %s", got, err, id)
	}
	if n, err := f.Retire("a"); n != 1 || err != nil {
		t.Errorf("retired %d keys, error %v, want 1", n, err)
	}
	if _, err := v.Open(t.Context(), anna(), wrapped, print); !errors.Is(err, ErrUnknownKey) || !strings.Contains(err.Error(), "does not hold") {
		t.Errorf("old wrapping after its key was retired: %v, want ErrUnknownKey", err)
	}
	reopened, err := OpenKeyFile(f.path) // what was done is on disk
	if err != nil {
		t.Fatal(err)
	}
	if got, err := NewVault(reopened).Open(t.Context(), anna(), again, print); err != nil || string(got) != "print" {
		t.Errorf("after the rotation: %q, error %v", got, err)
	}
	if later, err := reopened.Pseudonym(anna().Subject); err != nil || later != alias {
		t.Errorf("pseudonym %s after the rotation, error %v, want %s", later, err, alias)
	}
}

func TestPseudonym(t *testing.T) {
	_, f := newVault(t)
	of := func(f *KeyFile, tenant, speaker string) string {
		p, err := f.Pseudonym(Subject{Tenant: tenant, Speaker: speaker})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := of(f, "a", "anna")
	if len(p) != 32 || strings.Contains(p, "anna") || p != of(f, "a", "anna") {
		t.Errorf("pseudonym %q, want 32 hex digits, the same every time", p)
	}
	other, err := CreateKeyFile(filepath.Join(t.TempDir(), "other.json"), "a")
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]string{"another speaker": of(f, "a", "bert"), "another tenant": of(f, "b", "anna"), "another key file": of(other, "a", "anna")} {
		if p == q {
			t.Errorf("%s has the same pseudonym", name)
		}
	}
}

func TestBadBindings(t *testing.T) {
	v, f := newVault(t)
	wrapped, print := sealed(t, v, []byte("print"))
	for name, b := range map[string]Binding{
		"no_tenant":  {Subject{"", "anna"}, "m", "1"},
		"no_speaker": {Subject{"a", ""}, "m", "1"},
		"no_model":   {Subject{"a", "anna"}, "", "1"},
		"no_version": {Subject{"a", "anna"}, "m", ""},
		"long_name":  {Subject{"a", strings.Repeat("x", maxName+1)}, "m", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := v.Seal(t.Context(), b, wrapped, nil); !errors.Is(err, ErrBinding) {
				t.Errorf("seal: %v, want ErrBinding", err)
			}
			if _, err := v.Open(t.Context(), b, wrapped, print); !errors.Is(err, ErrBinding) {
				t.Errorf("open: %v, want ErrBinding", err)
			}
		})
	}
	if _, err := v.NewPersonKey(t.Context(), Subject{Tenant: "c", Speaker: "anna"}); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("unknown tenant: %v, want ErrUnknownKey", err)
	}
	if _, err := f.Pseudonym(Subject{Tenant: "a"}); !errors.Is(err, ErrBinding) {
		t.Errorf("pseudonym of nobody: %v, want ErrBinding", err)
	}
}

// remoteKeys stands for a key service that cannot be reached.
type remoteKeys struct{ err error }

func (r remoteKeys) Wrap(context.Context, Subject, []byte) ([]byte, error)   { return nil, r.err }
func (r remoteKeys) Unwrap(context.Context, Subject, []byte) ([]byte, error) { return nil, r.err }

func TestErrorOfTheKeyServiceIsPassedOn(t *testing.T) {
	v := NewVault(remoteKeys{os.ErrDeadlineExceeded})
	if _, err := v.NewPersonKey(t.Context(), anna().Subject); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("new key: %v", err)
	}
	if _, err := v.Rewrap(t.Context(), anna().Subject, []byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("rewrap: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	keys, err := CreateKeyFile(filepath.Join(f.TempDir(), "keys.json"), "a")
	if err != nil {
		f.Fatal(err)
	}
	v := NewVault(keys)
	wrapped, err := v.NewPersonKey(f.Context(), anna().Subject)
	if err != nil {
		f.Fatal(err)
	}
	print, err := v.Seal(f.Context(), anna(), wrapped, []byte("print"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(print)
	f.Add(wrapped)
	f.Add(print[:headerSize])
	f.Add([]byte("TSP\x02"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range []kind{kindPrint, kindKey} {
			id, err := parseHeader(k, b)
			if (err == nil) != (len(b) >= headerSize+sealSize && len(b) <= maxEnvelope && string(b[:3]) == string(k) && b[3] == formatVersion) {
				t.Errorf("%s header of %d bytes: id %s, error %v", k, len(b), id, err)
			}
			if err != nil && !errors.Is(err, ErrEnvelope) {
				t.Errorf("error %v, want ErrEnvelope", err)
			}
		}
		if bytes.Equal(b, print) {
			return
		}
		if got, err := v.Open(t.Context(), anna(), wrapped, b); err == nil {
			t.Errorf("forged bytes opened to %q", got)
		}
		if bytes.Equal(b, wrapped) {
			return
		}
		if got, err := v.Open(t.Context(), anna(), b, print); err == nil {
			t.Errorf("a forged key opened the print to %q", got)
		}
	})
}

func BenchmarkVault(b *testing.B) {
	keys, err := CreateKeyFile(filepath.Join(b.TempDir(), "keys.json"), "a")
	if err != nil {
		b.Fatal(err)
	}
	v := NewVault(keys)
	wrapped, err := v.NewPersonKey(b.Context(), anna().Subject)
	if err != nil {
		b.Fatal(err)
	}
	plain := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		print, err := v.Seal(b.Context(), anna(), wrapped, plain)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.Open(b.Context(), anna(), wrapped, print); err != nil {
			b.Fatal(err)
		}
	}
}
