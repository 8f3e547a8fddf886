package json5

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrNotJSON is returned for Infinity and NaN, which JSON cannot say.
var ErrNotJSON = errors.New("no JSON for Infinity and NaN")

// AppendJSON appends v as compact JSON: no blanks, members in source order, of a key
// that occurs twice only the last value. Numbers keep their digits; hexadecimal ones
// become decimal.
func (v *Value) AppendJSON(dst []byte) ([]byte, error) { return v.append(dst, jsonNumber) }

// AppendJSON5 is AppendJSON with Infinity and NaN as they are written.
func (v *Value) AppendJSON5(dst []byte) []byte {
	out, _ := v.append(dst, func(text string) (string, error) { // the numbers are all that JSON can refuse
		if n, err := jsonNumber(text); err == nil {
			return n, nil
		}
		return text, nil
	})
	return out
}

func (v *Value) append(dst []byte, number func(text string) (string, error)) ([]byte, error) {
	var err error
	switch v.Kind {
	case String:
		return appendString(dst, v.Text, '"'), nil
	case Number:
		var n string
		n, err = number(v.Text)
		return append(dst, n...), err
	case Array:
		dst = append(dst, '[')
		for i, e := range v.Elements {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = e.append(dst, number); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case Object:
		dst = append(dst, '{')
		for i, m := range v.Unique() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, m.Key, '"'), ':')
			if dst, err = m.Value.append(dst, number); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	default:
		return append(dst, v.Text...), nil
	}
}

// Unique gives the members with every key once: at its first place, with its last
// value, as JavaScript does it.
func (v *Value) Unique() []Member {
	seen := make(map[string]int, len(v.Members))
	out := make([]Member, 0, len(v.Members))
	for _, m := range v.Members {
		if i, dup := seen[m.Key]; dup {
			out[i] = m
			continue
		}
		seen[m.Key] = len(out)
		out = append(out, m)
	}
	return out
}

// Float returns the value of a Number; out of range gives an infinity.
func (v *Value) Float() float64 {
	switch strings.TrimLeft(v.Text, "+-") {
	case "Infinity":
		if v.Text[0] == '-' {
			return math.Inf(-1)
		}
		return math.Inf(1)
	case "NaN":
		return math.NaN()
	}
	n, err := jsonNumber(v.Text)
	if err != nil {
		return 0
	}
	f, _ := strconv.ParseFloat(n, 64) // a range error comes with ±Inf, which is meant
	return f
}

// Int returns the value of a Number that is whole and fits. 1.0 and 1e3 are whole.
func (v *Value) Int() (int64, bool) {
	n, err := jsonNumber(v.Text)
	if v.Kind != Number || err != nil {
		return 0, false
	}
	if i, err := strconv.ParseInt(n, 10, 64); err == nil {
		return i, true
	}
	f := v.Float()
	if f != float64(int64(f)) || f < -1<<53 || f > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// jsonNumber rewrites a JSON5 literal as JSON says it: +1, .5, 5. and 0x10 have no
// place there.
func jsonNumber(lit string) (string, error) {
	sign := ""
	switch {
	case strings.HasPrefix(lit, "-"):
		sign, lit = "-", lit[1:]
	case strings.HasPrefix(lit, "+"):
		lit = lit[1:]
	}
	switch {
	case lit == "Infinity" || lit == "NaN":
		return "", ErrNotJSON
	case strings.HasPrefix(lit, "0x") || strings.HasPrefix(lit, "0X"):
		n, ok := new(big.Int).SetString(lit[2:], 16)
		if !ok {
			return "", errors.New("not a number: " + lit)
		}
		return sign + n.String(), nil
	}
	whole, rest := lit, ""
	if i := strings.IndexAny(lit, ".eE"); i >= 0 {
		whole, rest = lit[:i], lit[i:]
	}
	if whole == "" {
		whole = "0"
	}
	if strings.HasPrefix(rest, ".") && (len(rest) == 1 || !isDigit(rune(rest[1]))) {
		rest = rest[1:]
	}
	return sign + whole + rest, nil
}

// appendString writes a quoted string with the escapes that JSON knows.
func appendString(dst []byte, s string, quote byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			dst = append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, quote)
}
