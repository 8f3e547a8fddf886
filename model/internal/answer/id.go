package answer

import (
	"crypto/rand"
	"strings"

	"hearth"
)

// IDs gives what names calls that came without an id: given, or, where that is nil, random
// ones behind prefix.
func IDs(given func() hearth.CallID, prefix string) func() hearth.CallID {
	if given != nil {
		return given
	}
	return func() hearth.CallID { return hearth.CallID(prefix + strings.ToLower(rand.Text())) }
}
