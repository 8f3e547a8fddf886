package model

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// ReadJSON is json.Unmarshal for what a server sent: a field of another type than expected
// only stays empty. Its error is that of bytes which are no JSON, or of another type
// altogether.
func ReadJSON(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if odd, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && odd.Field != "" {
		return nil
	}
	return err
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
