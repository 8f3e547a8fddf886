package scripted

import "strings"

// Token types as GGUF numbers them.
const (
	tokenNormal  = 1
	tokenControl = 3
	tokenUser    = 4 // matched as whole text before any merging
)

// Control tokens of the chat markup that the templates write.
const (
	beginText = "<|endoftext|>"
	turnStart = "<|im_start|>"
	turnEnd   = "<|im_end|>" // ends an answer
)

type token struct {
	text string // raw bytes
	kind int32
}

// vocabulary is the token table while it grows; a token's index is its id. The
// first 256 ids are the single bytes.
type vocabulary struct {
	tokens []token
	merges []string // in the written form of the format: two encoded halves and a space
	known  map[string]bool
	begin  int
	end    int
	said   int32  // kind of the tokens that scripts are said in
	texts  string // all scripts' when said tokens are found in prompts, else none
}

// newVocabulary gives the tokens that do not depend on the scripts: bytes,
// merged pairs, control tokens.
func newVocabulary(pairs []pair) *vocabulary {
	v := &vocabulary{known: map[string]bool{}, said: tokenNormal}
	for b := range 256 {
		v.add(string([]byte{byte(b)}), tokenNormal)
	}
	for _, p := range pairs {
		v.merges = append(v.merges, encodeBytes(p.left)+" "+encodeBytes(p.right))
		if merged := p.left + p.right; !v.known[merged] {
			v.add(merged, tokenNormal)
		}
	}
	v.begin = v.add(beginText, tokenControl)
	v.add(turnStart, tokenControl)
	v.end = v.add(turnEnd, tokenControl)
	return v
}

// remember lets tokens of scripts be found in prompts. Such tokens are looked for in an
// order of the server's; with each in one place only, every order finds the same.
func (v *vocabulary) remember(spec Spec) {
	v.said = tokenUser
	for _, s := range spec.Scripts {
		v.texts += s.Text + "\x00"
	}
}

func (v *vocabulary) add(text string, kind int32) int {
	v.known[text] = true
	v.tokens = append(v.tokens, token{text, kind})
	return len(v.tokens) - 1
}

// columns gives the table as the two arrays the file stores.
func (v *vocabulary) columns() (texts []string, kinds []int32) {
	for _, t := range v.tokens {
		text := t.text
		if t.kind == tokenNormal {
			text = encodeBytes(text)
		}
		texts = append(texts, text)
		kinds = append(kinds, t.kind)
	}
	return texts, kinds
}

// encodeBytes writes raw bytes the way GPT-2 tokenisers store them: printable
// Latin-1 stands for itself, every other byte for a rune from U+0100 on.
func encodeBytes(s string) string {
	var out strings.Builder
	for i := range len(s) {
		out.WriteRune(byteRunes[s[i]])
	}
	return out.String()
}

var byteRunes = func() (runes [256]rune) {
	next := rune(256)
	for b := range 256 {
		switch r := rune(b); {
		case r >= '!' && r <= '~', r >= 0xA1 && r <= 0xAC, r >= 0xAE:
			runes[b] = r
		default:
			runes[b] = next
			next++
		}
	}
	return runes
}()
