package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hearth/internal/json5"
)

// Headers are what a provider is sent with every request, by name. What cannot be sent is
// told and not among them.
type Headers map[string]Secret

// decode implements decodable.
func (h *Headers) decode(d *decoder, path string, v *json5.Value) bool {
	all := map[string]Secret{}
	if !d.mapping(path, v, reflect.ValueOf(&all).Elem()) {
		return false
	}
	for _, m := range v.Unique() {
		s, ok := all[m.Key]
		if !ok {
			continue
		}
		if why := unsendable(m.Key, s); why != "" {
			at := joinKey(path, m.Key)
			d.report(finding{kind: WrongType, path: at, full: at, at: m.Value,
				strict: "Invalid header: " + why, soft: fmt.Sprintf("%s is not sent: %s", at, why)})
			delete(all, m.Key)
		}
	}
	*h = all
	return true
}

// ownHeaders are written by whoever sends the request, and by nobody else.
var ownHeaders = []string{"host", "content-length", "transfer-encoding", "trailer"}

// unsendable says why a header cannot be sent; "" for one that can.
func unsendable(name string, value Secret) string {
	switch {
	case name == "" || strings.ContainsFunc(name, notOfToken):
		return "a header's name is made of letters of the English alphabet, digits and hyphens"
	case slices.Contains(ownHeaders, strings.ToLower(name)):
		return "the connection itself decides it"
	case strings.ContainsFunc(value.text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return "its value holds a control character, such as a line's end"
	}
	return ""
}

// notOfToken reports whether a character may not be in a header's name (RFC 9110, 5.6.2).
func notOfToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}
