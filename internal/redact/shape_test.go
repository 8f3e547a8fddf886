package redact

import "testing"

// The quick look may be wrong in one direction only.
func FuzzTheQuickLookMissesNothing(f *testing.F) {
	for _, s := range []string{
		"sk-abcdefghijklmnop", "hf_abcdefghijklmn", "12345678:AAabcdefghijklmnopqrstuvwxyz0123456", "eyJabcdefgh.eyJabcdefgh",
		"authorization:12345678", "bearer abcdefghijklmnop", "apikey=12345678", "a://:abc@", "-----BEGIN PRIVATE KEY-----",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, shape := range shapes {
			if shape.MatchString(s) && !shape.may(s) {
				t.Errorf("%q is not looked for %s", s, shape)
			}
		}
	})
}
