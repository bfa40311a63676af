package events

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Files keeps large bytes where every node reaches them, in a JetStream object store. Safe for concurrent use.
type Files struct {
	name   string
	bucket jetstream.ObjectStore
}

// NewFiles makes a bucket of files that are kept for so long, or takes up the one that is there.
func (b *Broker) NewFiles(ctx context.Context, name string, keep time.Duration) (*Files, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	bucket, err := b.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "TIMBRE_" + name, TTL: keep, Storage: jetstream.FileStorage, Replicas: b.replicas})
	if err != nil {
		return nil, fmt.Errorf("events: files %s: %w", name, err)
	}
	return &Files{name, bucket}, nil
}

// Put keeps what r gives under a name and returns how many bytes that were. Of a reader that fails nothing is kept, and its error
// comes back wrapped.
func (f *Files) Put(ctx context.Context, name string, r io.Reader) (int64, error) {
	c := &countedReader{r: r}
	if _, err := f.bucket.Put(ctx, jetstream.ObjectMeta{Name: name}, c); err != nil {
		if c.err != nil {
			err = c.err
		}
		return c.n, fmt.Errorf("events: files %s: put: %w", f.name, err)
	}
	return c.n, nil
}

// countedReader counts, and keeps the error of its reader.
type countedReader struct {
	r   io.Reader
	n   int64
	err error
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// getTimeout bounds the reading of one file.
const getTimeout = 30 * time.Minute

// Get writes what is kept under a name to w; ErrNotFound where there is nothing.
func (f *Files) Get(ctx context.Context, name string, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, getTimeout) // without one the client's default of a few seconds would hold for all of it
	defer cancel()
	o, err := f.bucket.Get(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("%w: file %s of %s", ErrNotFound, name, f.name)
	}
	if err != nil {
		return fmt.Errorf("events: files %s: get: %w", f.name, err)
	}
	_, err = io.Copy(w, o)
	if err = errors.Join(err, o.Close()); err != nil {
		return fmt.Errorf("events: files %s: get: %w", f.name, err)
	}
	return nil
}

// Delete removes what is kept under a name. What is not there is no error.
func (f *Files) Delete(ctx context.Context, name string) error {
	if err := f.bucket.Delete(ctx, name); err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("events: files %s: delete: %w", f.name, err)
	}
	return nil
}
