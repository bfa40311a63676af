package audio

import (
	"bufio"
	"fmt"
	"io"
)

// input is the bytes of a stream with a count of how many were consumed, so that messages can name offsets.
type input struct {
	*bufio.Reader
	src *counter
}

// counter counts what passes through.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// newInput buffers r with size bytes.
func newInput(r io.Reader, size int) *input {
	src := &counter{r: r}
	return &input{Reader: bufio.NewReaderSize(src, size), src: src}
}

// offset is the position of the next byte to be read.
func (in *input) offset() int64 {
	return in.src.n - int64(in.Buffered())
}

// skip discards n bytes and returns how many there were, with io.ErrUnexpectedEOF when there were fewer.
func (in *input) skip(n int64) (int64, error) {
	var done int64
	for done < n {
		k, err := in.Discard(int(min(n-done, 1<<20)))
		done += int64(k)
		if err == io.EOF {
			return done, io.ErrUnexpectedEOF
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// short turns the end of input inside a header into ErrTruncated and leaves other read errors as they are.
func short(err error, what string, at int64) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: %s: ends at offset %d", ErrTruncated, what, at)
	}
	return fmt.Errorf("audio: %s: offset %d: %w", what, at, err)
}
