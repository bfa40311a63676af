package events

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"
)

func TestFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, b *Broker) {
		f, err := b.NewFiles(t.Context(), "TEST", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.NewChaCha8([32]byte{1})
		want := make([]byte, 3<<20+17) // several chunks and a piece
		_, _ = rnd.Read(want)
		n, err := f.Put(t.Context(), "a", bytes.NewReader(want))
		if err != nil || n != int64(len(want)) {
			t.Fatalf("Put: %d bytes, %v", n, err)
		}
		var got bytes.Buffer
		if err := f.Get(t.Context(), "a", &got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("Get: %d bytes, %v", got.Len(), err)
		}
		broken := errors.New("the client is gone")
		if _, err := f.Put(t.Context(), "b", io.MultiReader(bytes.NewReader(want), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("Put of a reader that fails: %v, want its error", err)
		}
		if err := f.Get(t.Context(), "b", io.Discard); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get of what was not kept: %v, want ErrNotFound", err)
		}
		for range 2 {
			if err := f.Delete(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		}
		if err := f.Get(t.Context(), "a", io.Discard); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get after Delete: %v, want ErrNotFound", err)
		}
	})
}
