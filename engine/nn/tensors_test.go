package nn

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pack builds a safetensors file from a header text and data bytes.
func pack(header string, data ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func TestLoadTensorsRefuses(t *testing.T) {
	f32 := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	for _, c := range []struct {
		name string
		file []byte
		want error
		text string // what the message must name
	}{
		{"empty", nil, ErrFormat, "0 bytes"},
		{"header_longer_than_file", pack(f32)[:20], ErrFormat, "at most 12"},
		{"header_claims_exabytes", append(binary.LittleEndian.AppendUint64(nil, math.MaxUint64), f32...), ErrFormat, "18446744073709551615"},
		{"not_json", pack("{nonsense}", 0, 0, 0, 0), ErrFormat, "header"},
		{"array_header", pack("[]"), ErrFormat, "header"},
		{"unknown_field", pack(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 0, 0, 0, 0), ErrFormat, `"a"`},
		{"type_F64", pack(`{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, make([]byte, 8)...), ErrType, `"F64"`},
		{"no_type", pack(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), ErrType, `""`},
		{"offset_past_end", pack(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 0, 0, 0, 0), ErrFormat, "[0 8] of 4"},
		{"negative_offset", pack(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 0, 0, 0, 0), ErrFormat, "[-4 0]"},
		{"reversed_offsets", pack(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 0, 0, 0, 0), ErrFormat, "[4 0]"},
		{"shape_too_small", pack(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0), ErrFormat, "[2]"},
		{"shape_overflows", pack(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}`, 0, 0, 0, 0), ErrFormat, "4611686018427387904"},
		{"negative_dimension", pack(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), ErrFormat, "-1"},
		{"bytes_after_the_last", pack(f32, 0, 0, 0, 0, 0), ErrFormat, "data at 5"},
		{"hole", pack(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, 0, 0), ErrFormat, "byte 1"},
		{"overlap", pack(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}`, 0, 0, 0), ErrFormat, "overlaps"},
		{"metadata_not_text", pack(`{"__metadata__":{"a":1}}`), ErrFormat, "metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := LoadTensors(c.file)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("error %v, want %v that names %q", err, c.want, c.text)
			}
		})
	}
}

func TestFloat32(t *testing.T) {
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	file := pack(`{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},`+
		`"q":{"dtype":"I8","shape":[1,2],"data_offsets":[4,6]},"h":{"dtype":"F16","shape":[],"data_offsets":[6,8]}}`,
		append(nan, 1, 2, 0x00, 0xc0)...)
	w, err := LoadTensors(file)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := w.Metadata("k"); v != "v" || !ok {
		t.Errorf("Metadata = %q %v", v, ok)
	}
	if n := w.Params(); n != 4 {
		t.Errorf("Params = %d, want 4", n)
	}
	if v, err := w.Float32("h"); err != nil || len(v) != 1 || v[0] != -2 {
		t.Errorf("a float16 scalar reads %v %v, want -2", v, err)
	}
	if _, err := w.Float32("a", 1); !errors.Is(err, ErrFormat) {
		t.Errorf("NaN: error %v, want ErrFormat", err)
	}
	if _, err := w.Float32("a", 2); !errors.Is(err, ErrShape) {
		t.Errorf("wrong shape: error %v, want ErrShape", err)
	}
	if _, err := w.Float32("b", 1); !errors.Is(err, ErrMissing) {
		t.Errorf("absent: error %v, want ErrMissing", err)
	}
	if _, err := w.Float32("q", 1, 2); !errors.Is(err, ErrMissing) {
		t.Errorf("int8 without scale: error %v, want ErrMissing", err)
	}
}

// TestHalfToFloat walks all 65,536 halves and checks value, order and the sign of zero.
func TestHalfToFloat(t *testing.T) {
	for _, c := range []struct {
		bits uint16
		want float64
	}{{0x0001, math.Ldexp(1, -24)}, {0x03ff, math.Ldexp(1023, -24)}, {0x0400, math.Ldexp(1, -14)}, {0x3c00, 1}, {0x3555, 0.333251953125},
		{0x7bff, 65504}, {0xc248, -3.140625}, {0x7c00, math.Inf(1)}, {0xfc00, math.Inf(-1)}} {
		if got := float64(halfToFloat(c.bits)); got != c.want {
			t.Errorf("half %#04x = %g, want %g", c.bits, got, c.want)
		}
	}
	if v := halfToFloat(0x8000); v != 0 || !math.Signbit(float64(v)) {
		t.Errorf("half -0 = %g", v)
	}
	if v := halfToFloat(0x7e01); v == v {
		t.Errorf("half NaN = %g", v)
	}
	for h := uint16(1); h <= 0x7c00; h++ {
		if a, b := halfToFloat(h-1), halfToFloat(h); !(a < b) || halfToFloat(h|0x8000) != -b {
			t.Fatalf("half %#04x = %g after %g", h, b, a)
		}
	}
}

func FuzzLoadTensors(f *testing.F) {
	file, err := os.ReadFile(filepath.Join(goldenDir, "layers.safetensors"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file[:4096])
	f.Add(pack(`{"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]}}`, 0, 0x3c, 0, 0xc0))
	f.Add(pack(`{"q":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]},"q.scale":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, make([]byte, 12)...))
	f.Add(pack(`{"a":{"dtype":"F32","shape":[0,99999999999],"data_offsets":[0,0]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := LoadTensors(b)
		if err != nil {
			return
		}
		var total int
		for _, name := range w.Names() {
			shape, err := w.Shape(name)
			if err != nil {
				t.Fatal(err)
			}
			v, err := w.Float32(name, shape...)
			if err != nil {
				continue
			}
			n := 1
			for _, d := range shape {
				n *= d
			}
			if len(v) != n {
				t.Fatalf("%q: %d values for shape %v", name, len(v), shape)
			}
			total += n
		}
		if total > len(b) {
			t.Fatalf("%d values from %d bytes", total, len(b))
		}
		if _, err := json.Marshal(w.Names()); err != nil {
			t.Fatal(err)
		}
	})
}
