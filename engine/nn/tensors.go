package nn

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Sentinels of the safetensors reader.
var (
	ErrFormat  = errors.New("nn: not a safetensors file")    // header or offsets are wrong
	ErrMissing = errors.New("nn: tensor missing")            // no tensor of that name
	ErrType    = errors.New("nn: tensor type not supported") // a dtype other than F32, F16 and I8
)

// maxHeader bounds the JSON header: 100 MB is what the reference reader allows, a network of ours needs a few KB.
const maxHeader = 1 << 20

// Tensors is the content of a safetensors file: named tensors over the file's own bytes. It is safe for concurrent use.
type Tensors struct {
	data []byte
	all  map[string]tensor
	meta map[string]string
}

type tensor struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

var typeBytes = map[string]int64{"F32": 4, "F16": 2, "I8": 1}

// LoadTensors reads a safetensors file from its bytes, which are kept and must not change. It checks every offset and shape
// against the bytes at hand before anything is allocated: the tensors must lie one after another and fill the file.
// Errors: ErrFormat, ErrType.
func LoadTensors(file []byte) (*Tensors, error) {
	if len(file) < 8 {
		return nil, fmt.Errorf("%w: %d bytes, want at least 8", ErrFormat, len(file))
	}
	n := binary.LittleEndian.Uint64(file)
	if n > maxHeader || n > uint64(len(file)-8) {
		return nil, fmt.Errorf("%w: header of %d bytes, want at most %d", ErrFormat, n, min(maxHeader, len(file)-8))
	}
	t := &Tensors{data: file[8+n:], all: map[string]tensor{}}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrFormat, err)
	}
	spans := make([][2]int64, 0, len(header))
	for name, raw := range header {
		if name == "__metadata__" {
			if err := json.Unmarshal(raw, &t.meta); err != nil {
				return nil, fmt.Errorf("%w: metadata: %w", ErrFormat, err)
			}
			continue
		}
		v, err := t.entry(name, raw)
		if err != nil {
			return nil, err
		}
		t.all[name] = v
		spans = append(spans, v.Offsets)
	}
	slices.SortFunc(spans, func(a, b [2]int64) int {
		return cmpPair(a, b)
	})
	var at int64
	for _, s := range spans {
		if s[0] != at {
			return nil, fmt.Errorf("%w: a tensor starts at byte %d, want %d: holes and overlaps are not allowed", ErrFormat, s[0], at)
		}
		at = s[1]
	}
	if at != int64(len(t.data)) {
		return nil, fmt.Errorf("%w: tensors end at byte %d, data at %d", ErrFormat, at, len(t.data))
	}
	return t, nil
}

func cmpPair(a, b [2]int64) int {
	for i := range a {
		if a[i] != b[i] {
			if a[i] < b[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// entry checks one line of the header against the size of the data.
func (t *Tensors) entry(name string, raw json.RawMessage) (tensor, error) {
	var v tensor
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, fmt.Errorf("%w: tensor %q: %w", ErrFormat, name, err)
	}
	size, ok := typeBytes[v.DType]
	if !ok {
		return v, fmt.Errorf("%w: %q has type %q, want F32, F16 or I8", ErrType, name, v.DType)
	}
	if v.Offsets[0] < 0 || v.Offsets[1] < v.Offsets[0] || v.Offsets[1] > int64(len(t.data)) {
		return v, fmt.Errorf("%w: tensor %q: bytes %v of %d", ErrFormat, name, v.Offsets, len(t.data))
	}
	have := v.Offsets[1] - v.Offsets[0]
	for _, d := range v.Shape {
		if d < 0 || d > 0 && size > have/d { // checked by division: a product of dimensions could overflow
			return v, fmt.Errorf("%w: tensor %q: shape %v does not fit %d bytes of %s", ErrFormat, name, v.Shape, have, v.DType)
		}
		size *= d
	}
	if size != have {
		return v, fmt.Errorf("%w: tensor %q: shape %v is %d bytes of %s, file has %d", ErrFormat, name, v.Shape, size, v.DType, have)
	}
	return v, nil
}

// Names returns the tensor names in order.
func (t *Tensors) Names() []string {
	out := make([]string, 0, len(t.all))
	for n := range t.all {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// Metadata returns the free text stored under key, and whether there is any.
func (t *Tensors) Metadata(key string) (string, bool) {
	v, ok := t.meta[key]
	return v, ok
}

// Shape returns the dimensions of a tensor; ErrMissing when there is none of that name.
func (t *Tensors) Shape(name string) ([]int, error) {
	v, ok := t.all[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q, file has %d tensors", ErrMissing, name, len(t.all))
	}
	out := make([]int, len(v.Shape))
	for i, d := range v.Shape {
		out[i] = int(d)
	}
	return out, nil
}

// Params returns the number of values in all tensors.
func (t *Tensors) Params() int {
	n := int64(0)
	for _, v := range t.all {
		n += (v.Offsets[1] - v.Offsets[0]) / typeBytes[v.DType]
	}
	return int(n)
}

// Float32 returns a tensor's values as a fresh slice, row-major, when its shape is exactly the one asked for. F16 is widened.
// I8 is multiplied by the F32 tensor name+".scale", one value per row of the first dimension. Errors: ErrMissing, ErrShape.
func (t *Tensors) Float32(name string, shape ...int) ([]float32, error) {
	have, err := t.Shape(name)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(have, shape) {
		return nil, fmt.Errorf("%w: tensor %q is %v, want %v", ErrShape, name, have, shape)
	}
	v := t.all[name]
	b := t.data[v.Offsets[0]:v.Offsets[1]]
	out := make([]float32, int64(len(b))/typeBytes[v.DType])
	switch v.DType {
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case "F16":
		for i := range out {
			out[i] = halfToFloat(binary.LittleEndian.Uint16(b[2*i:]))
		}
	case "I8":
		if len(shape) == 0 {
			return nil, fmt.Errorf("%w: tensor %q: an I8 tensor needs at least one dimension", ErrShape, name)
		}
		scale, err := t.Float32(name+".scale", shape[0])
		if err != nil {
			return nil, err
		}
		row := len(out) / max(1, shape[0])
		for i := range out {
			out[i] = float32(int8(b[i])) * scale[i/row]
		}
	}
	for i, x := range out {
		if x != x || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("%w: tensor %q: value %d is %v, want a finite number", ErrFormat, name, i, x)
		}
	}
	return out, nil
}

// optional is Float32, with nil for a tensor that is not there.
func (t *Tensors) optional(name string, shape ...int) ([]float32, error) {
	v, err := t.Float32(name, shape...)
	if errors.Is(err, ErrMissing) {
		return nil, nil
	}
	return v, err
}

// halfToFloat widens an IEEE 754 binary16.
func halfToFloat(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0: // zero and subnormal: frac · 2^-24
		f := float32(frac) / (1 << 24)
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
