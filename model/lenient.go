package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ReadJSON is json.Unmarshal for what a server sent: a field of another type than expected
// only stays empty. Its error is that of bytes which are no JSON, are of another type
// altogether, or hold so many values that they would take far more memory than they have.
func ReadJSON(data []byte, into any) error {
	if len(data) > manyBytes && values(data) > mostValues {
		return fmt.Errorf("more than %d values in one piece of JSON", mostValues)
	}
	err := json.Unmarshal(data, into)
	if odd, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && odd.Field != "" {
		return nil
	}
	return err
}

// Three bytes, such as "{},", may become a struct of some hundred. What is smaller than
// manyBytes does no harm by that, and nobody has a reason to send more than mostValues.
const (
	manyBytes  = 1 << 20
	mostValues = 1 << 18
)

// values counts, about, the values in JSON: what stands inside strings is none.
func values(data []byte) (n int) {
	quoted := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ',' || c == '{' || c == '['):
			n++
		}
	}
	return n
}

// A Count is a number of tokens, or of other things, as servers send it: also as a float,
// a string, null, negative or absurd. What cannot be a count is 0, which means unknown.
// Two of them can be added wherever an int has 32 bits.
type Count int

const absurd = 1 << 30

// UnmarshalJSON never fails.
func (c *Count) UnmarshalJSON(b []byte) error {
	*c = countOf(strings.Trim(string(b), `"`))
	return nil
}

// countOf reads a count as it stands in a text.
func countOf(text string) Count {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0 && f < absurd) {
		return 0
	}
	return Count(f)
}
