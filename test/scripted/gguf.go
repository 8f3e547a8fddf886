package scripted

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// GGUF version 3, the container that llama.cpp defines: a header, key-value
// metadata, a table of tensors, then their data, each aligned to 32 bytes.
const (
	ggufVersion   = 3
	ggufAlignment = 32

	ggufUint32  = 4
	ggufInt32   = 5
	ggufFloat32 = 6
	ggufBool    = 7
	ggufString  = 8
	ggufArray   = 9

	tensorFloat32 = 0
	tensorFloat16 = 1
)

// field is one entry of the metadata.
type field struct {
	key   string
	value any // uint32, float32, bool, string, []string or []int32
}

// tensor is one array of weights; the first dimension varies fastest.
type tensor struct {
	name string
	dims []int
	half bool // stored as 16-bit floats
	data []float32
}

func (t tensor) bytes() uint64 {
	if t.half {
		return uint64(len(t.data)) * 2
	}
	return uint64(len(t.data)) * 4
}

// ggufFile builds a file in memory. Writes to a bytes.Buffer cannot fail, so only
// values that the format cannot hold are errors.
type ggufFile struct{ buf bytes.Buffer }

func encodeGGUF(fields []field, tensors []tensor) ([]byte, error) {
	f := &ggufFile{}
	f.buf.WriteString("GGUF")
	f.number(uint32(ggufVersion))
	f.number(uint64(len(tensors)))
	f.number(uint64(len(fields)))
	for _, e := range fields {
		f.text(e.key)
		if err := f.value(e.value); err != nil {
			return nil, fmt.Errorf("encode gguf: %s: %w", e.key, err)
		}
	}
	var offset uint64
	for _, t := range tensors {
		if err := f.describe(t, offset); err != nil {
			return nil, fmt.Errorf("encode gguf: %s: %w", t.name, err)
		}
		offset += (t.bytes() + ggufAlignment - 1) / ggufAlignment * ggufAlignment
	}
	f.align()
	for _, t := range tensors {
		if err := f.weights(t); err != nil {
			return nil, fmt.Errorf("encode gguf: %s: %w", t.name, err)
		}
		f.align()
	}
	return f.buf.Bytes(), nil
}

// number writes any fixed-size value or slice of them, little end first.
func (f *ggufFile) number(v any) { _ = binary.Write(&f.buf, binary.LittleEndian, v) } // a bytes.Buffer takes all

func (f *ggufFile) text(s string) {
	f.number(uint64(len(s)))
	f.buf.WriteString(s)
}

func (f *ggufFile) align() {
	for f.buf.Len()%ggufAlignment != 0 {
		f.buf.WriteByte(0)
	}
}

func (f *ggufFile) value(v any) error {
	switch v := v.(type) {
	case uint32:
		f.number(uint32(ggufUint32))
		f.number(v)
	case float32:
		f.number(uint32(ggufFloat32))
		f.number(v)
	case bool:
		f.number(uint32(ggufBool))
		f.number(v)
	case string:
		f.number(uint32(ggufString))
		f.text(v)
	case []string:
		f.number([]uint32{ggufArray, ggufString})
		f.number(uint64(len(v)))
		for _, s := range v {
			f.text(s)
		}
	case []int32:
		f.number([]uint32{ggufArray, ggufInt32})
		f.number(uint64(len(v)))
		f.number(v)
	default:
		return fmt.Errorf("metadata of type %T", v)
	}
	return nil
}

func (f *ggufFile) describe(t tensor, offset uint64) error {
	f.text(t.name)
	f.number(uint32(len(t.dims)))
	values := 1
	for _, d := range t.dims {
		f.number(uint64(d))
		values *= d
	}
	if values != len(t.data) {
		return fmt.Errorf("%d values for a tensor of %v", len(t.data), t.dims)
	}
	kind := uint32(tensorFloat32)
	if t.half {
		kind = tensorFloat16
	}
	f.number(kind)
	f.number(offset)
	return nil
}

func (f *ggufFile) weights(t tensor) error {
	if !t.half {
		f.number(t.data)
		return nil
	}
	halves := make([]uint16, len(t.data))
	for i, x := range t.data {
		h, ok := half(x)
		if !ok {
			return fmt.Errorf("%g does not fit into 16 bits", x)
		}
		halves[i] = h
	}
	f.number(halves)
	return nil
}

// half rounds to the nearest IEEE 754 16-bit float, ties to even; ok is false
// where only infinity would be left.
func half(x float32) (h uint16, ok bool) {
	bits := math.Float32bits(x)
	sign := uint16(bits>>16) & 0x8000
	exponent := int(bits>>23&0xff) - 127 + 15
	mantissa := bits & 0x7fffff
	switch {
	case exponent >= 31:
		return 0, false
	case exponent < -10: // below half of the smallest subnormal
		return sign, true
	case exponent <= 0: // subnormal: the leading one becomes explicit
		mantissa |= 0x800000
		shift := uint(14 - exponent)
		return sign | uint16(roundShift(mantissa, shift)), true
	}
	rounded := uint32(exponent)<<10 + roundShift(mantissa, 13) // a carry moves into the exponent, as it should
	if rounded >= 31<<10 {
		return 0, false
	}
	return sign | uint16(rounded), true
}

// roundShift gives m >> shift, rounded to nearest, ties to even.
func roundShift(m uint32, shift uint) uint32 {
	kept, cut, tie := m>>shift, m&(1<<shift-1), uint32(1)<<(shift-1)
	if cut > tie || cut == tie && kept&1 == 1 {
		kept++
	}
	return kept
}
