package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Sizes that live recorders leave in the header because the end was not known when it was written: all ones (ffmpeg, RF64 without
// ds64) and, from sox on a pipe, just under 2 GiB.
const (
	unknownSize = 0xFFFFFFFF
	soxUnknown  = 0x7FFFFFFF - 4096
)

// maxEarlyData is how many bytes of a data chunk that stands before its fmt chunk are kept until that arrives.
const maxEarlyData = 64 << 20

// wavRaw is the size of the block that bytes are decoded from.
const wavRaw = 16 << 10

// wavReader reads RIFF/WAVE and RF64/BW64 (EBU Tech 3306, ITU-R BS.2088) from a stream, without seeking.
type wavReader struct {
	in       *input
	fmt      fmtChunk
	body     io.Reader // the bytes of the data chunk
	tables   *g711
	start    int64 // offset of the first byte of the data chunk
	declared int64 // bytes that the data chunk claims; -1 when it does not know
	got      int64 // bytes of it read so far
	raw      []byte
	repair   floatRepair
	warnings []string
	cut      bool  // the data chunk broke off
	err      error // sticky end
}

func (w *wavReader) Format() Format { return w.fmt.Format }

func (w *wavReader) Truncated() bool { return w.cut }

func (w *wavReader) Warnings() []string {
	return append(append([]string(nil), w.warnings...), w.repair.warnings()...)
}

func (w *wavReader) warn(format string, args ...any) {
	w.warnings = append(w.warnings, "wav: "+fmt.Sprintf(format, args...))
}

// newWAV walks the chunks up to the data chunk.
func newWAV(in *input) (Reader, error) {
	w := &wavReader{in: in, declared: -1}
	var head [12]byte
	if n, err := io.ReadFull(in, head[:]); err != nil {
		return nil, short(err, "wav: RIFF header", int64(n))
	}
	if string(head[8:]) != "WAVE" {
		return nil, fmt.Errorf("%w: RIFF of form %q at offset 8, want \"WAVE\"", ErrFormat, head[8:])
	}
	container := "wav"
	if string(head[:4]) != "RIFF" {
		container = "rf64"
	}
	if err := w.walk(container); err != nil {
		return nil, err
	}
	if f := w.fmt.Encoding; f == "alaw" || f == "mulaw" {
		w.tables = newG711(f)
	}
	w.raw = make([]byte, wavRaw/w.fmt.block*w.fmt.block)
	return w, nil
}

// walk reads chunks until samples can be decoded: a fmt chunk and a data chunk have been seen, in either order.
func (w *wavReader) walk(container string) error {
	var early []byte // data that came before fmt
	haveEarly := false
	size64, have64 := int64(-1), false
	odd := "" // the first chunk whose id is no text, a likely place for the trouble when there is some
	for {
		at := w.in.offset()
		id, size, err := w.chunkHeader()
		if err == io.EOF && haveEarly {
			return fmt.Errorf("%w: wav: no fmt chunk before the end at offset %d, want one for the data chunk at %d", ErrFormat, at, w.start)
		}
		if err == io.EOF {
			return fmt.Errorf("%w: wav: no data chunk before the end at offset %d%s", ErrTruncated, at, odd)
		}
		if err != nil {
			return err
		}
		switch {
		case id == "ds64" && container == "rf64":
			if size64, err = w.ds64(size); err != nil {
				return err
			}
			have64 = true
			continue
		case id == "fmt " && w.fmt.block > 0:
			w.warn("second fmt chunk at offset %d: ignored", at)
		case id == "fmt ":
			if err := w.readFmt(size, container); err != nil {
				return err
			}
			if haveEarly {
				w.body = bytes.NewReader(early)
				return nil
			}
			continue
		case id == "data" && haveEarly:
			w.warn("second data chunk at offset %d: ignored", at)
		case id == "data":
			if container == "rf64" && !have64 {
				w.warn("no ds64 chunk before the data chunk at offset %d, as RF64 has it", at)
			}
			w.start = w.in.offset()
			if w.declared, err = w.dataSize(size, size64, container); err != nil {
				return err
			}
			if w.fmt.block > 0 {
				w.body = w.in
				return nil
			}
			if early, err = w.readEarly(); err != nil {
				return err
			}
			haveEarly = true
			size = w.declared
			if size < 0 || int64(len(early)) < size {
				continue // the end was reached; the next header read says so
			}
			if size%2 == 1 {
				_, _ = w.in.skip(1)
			}
			continue
		case !isChunkID(id) && odd == "":
			odd = fmt.Sprintf(" (chunk %q at offset %d is none that is known)", id, at)
		}
		if n, err := w.in.skip(size + size%2); err != nil && n < size {
			return short(err, fmt.Sprintf("wav: chunk %q at offset %d: %d bytes of %d, no data chunk yet%s", id, at, n, size, odd), w.in.offset())
		}
	}
}

// chunkHeader reads the eight bytes before a chunk, or io.EOF where the file ends at its border.
func (w *wavReader) chunkHeader() (id string, size int64, err error) {
	var b [8]byte
	n, err := io.ReadFull(w.in, b[:])
	if err == io.EOF || err == io.ErrUnexpectedEOF && allByte(b[:n], 0) {
		return "", 0, io.EOF
	}
	if err != nil {
		return "", 0, short(err, "wav: chunk header", w.in.offset())
	}
	return string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:])), nil
}

// isChunkID tells whether id could name a chunk: printable ASCII, as RIFF has it.
func isChunkID(id string) bool {
	for _, c := range []byte(id) {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// readFmt reads a fmt chunk of which no more than the first 40 bytes matter, whatever its size says.
func (w *wavReader) readFmt(size int64, container string) error {
	at := w.in.offset()
	b := make([]byte, min(size, 40))
	if n, err := io.ReadFull(w.in, b); err != nil {
		return short(err, fmt.Sprintf("wav: fmt chunk at offset %d: %d bytes of %d", at-8, n, size), w.in.offset())
	}
	f, err := parseFmt(b, container, w.warn)
	if err != nil {
		return err
	}
	w.fmt = f
	rest := size - int64(len(b)) + size%2
	if n, err := w.in.skip(rest); err != nil {
		return short(err, fmt.Sprintf("wav: fmt chunk at offset %d: %d bytes of %d", at-8, int64(len(b))+n, size), w.in.offset())
	}
	return nil
}

// ds64 reads the 64-bit sizes of RF64 and returns that of the data chunk, -1 when it is not known either.
func (w *wavReader) ds64(size int64) (int64, error) {
	at := w.in.offset()
	if size < 24 {
		return -1, fmt.Errorf("%w: rf64: ds64 chunk at offset %d: %d bytes, want at least 24", ErrFormat, at-8, size)
	}
	var b [24]byte
	if n, err := io.ReadFull(w.in, b[:]); err != nil {
		return -1, short(err, fmt.Sprintf("rf64: ds64 chunk at offset %d: %d bytes of %d", at-8, n, size), w.in.offset())
	}
	if _, err := w.in.skip(size - 24 + size%2); err != nil {
		return -1, short(err, fmt.Sprintf("rf64: ds64 chunk at offset %d", at-8), w.in.offset())
	}
	n := binary.LittleEndian.Uint64(b[8:])
	if n == 0 || n > 1<<62 {
		return -1, nil
	}
	return int64(n), nil
}

// dataSize decides how many bytes the data chunk has: what its header says, what ds64 says, or -1 for read to the end.
func (w *wavReader) dataSize(size, size64 int64, container string) (int64, error) {
	if container == "rf64" && size == unknownSize && size64 >= 0 {
		return size64, nil
	}
	switch {
	case size == unknownSize:
		w.warn("data chunk says %d bytes: length unknown, read to the end", size)
		return -1, nil
	case size == 0:
		// A recorder that never came back to its header, or a file without samples: what follows decides.
		next, err := w.in.Peek(8)
		if err != nil && err != io.EOF {
			return 0, short(err, "wav: data chunk", w.in.offset())
		}
		if len(next) == 0 || len(next) == 8 && isTrailer(string(next[:4])) {
			return 0, nil
		}
		w.warn("data chunk says 0 bytes but more follow: length unknown, read to the end")
		return -1, nil
	}
	return size, nil
}

// isTrailer tells whether id is a chunk that writers put behind the samples.
func isTrailer(id string) bool {
	switch id {
	case "LIST", "id3 ", "ID3 ", "fact", "cue ", "smpl", "inst", "bext", "iXML", "JUNK", "junk", "PAD ", "PEAK", "afsp", "_PMX", "axml", "chna", "cart":
		return true
	}
	return false
}

// readEarly keeps a data chunk that stands before its fmt chunk. What it allocates grows with the bytes that are there.
func (w *wavReader) readEarly() ([]byte, error) {
	limit := int64(maxEarlyData)
	if w.declared >= 0 {
		limit = min(limit, w.declared)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(w.in, limit)); err != nil {
		return nil, fmt.Errorf("audio: wav: data chunk: offset %d: %w", w.in.offset(), err)
	}
	if limit == maxEarlyData && b.Len() == maxEarlyData {
		return nil, fmt.Errorf("%w: wav: data chunk at offset %d stands before fmt with more than %d bytes, want fmt first", ErrLimit, w.start-8, maxEarlyData)
	}
	return b.Bytes(), nil
}

// Read decodes the next samples of the data chunk.
func (w *wavReader) Read(dst [][]float32) (int, error) {
	n, err := dstRoom(dst, w.fmt.Channels)
	if err != nil {
		return 0, err
	}
	if w.err != nil || n == 0 {
		return 0, w.err
	}
	want := min(n*w.fmt.block, len(w.raw))
	if w.declared >= 0 {
		want = int(min(int64(want), w.declared-w.got))
	}
	k, err := io.ReadFull(w.body, w.raw[:want])
	w.got += int64(k)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF || err == nil && w.got == w.declared:
		w.err = io.EOF
		w.end(k % w.fmt.block)
	case err != nil:
		w.err = fmt.Errorf("audio: wav: data chunk: offset %d: %w", w.start+w.got, err)
	}
	k /= w.fmt.block
	if k == 0 {
		return 0, w.err
	}
	w.decode(dst, w.raw[:k*w.fmt.block], k)
	return k, nil
}

// end looks back at the data chunk once its last byte is read; part is the bytes of an incomplete last sample.
func (w *wavReader) end(part int) {
	if w.declared > w.got {
		if w.declared >= soxUnknown && w.declared <= 1<<31 {
			w.warn("data chunk says %d bytes: length unknown, read to the end", w.declared)
		} else {
			w.cut = true
			w.warn("data chunk: %d bytes of %d: truncated at offset %d", w.got, w.declared, w.start+w.got)
		}
	}
	if part > 0 {
		w.warn("data chunk: last sample has %d bytes of %d: dropped", part, w.fmt.block)
	}
	if w.declared != w.got || w.body != io.Reader(w.in) {
		return
	}
	// A recorder that died wrote a size that was true some time before the end. Chunks may follow, samples must not.
	_, _ = w.in.skip(w.declared % 2)
	for {
		at := w.in.offset()
		id, size, err := w.chunkHeader()
		if err != nil {
			return
		}
		if id == "data" || !isChunkID(id) {
			w.warn("data chunk says %d bytes but more than a chunk follows at offset %d: ignored", w.declared, at)
			return
		}
		if _, err := w.in.skip(size + size%2); err != nil {
			return
		}
	}
}
