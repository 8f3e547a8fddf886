package route

import (
	"regexp"
	"strings"
)

// dated is what servers add to a model's name, or leave out of it.
var dated = regexp.MustCompile(`[-@:](20\d{2}-?\d{2}-?\d{2}|latest)$|:\d{1,2}$`)

// plain strips what two names of one model may differ in: letter case, a path before
// the name (openai/gpt-4o, /models/x.gguf), the file type, a date, Ollama's :latest,
// and the number of an LM Studio instance (qwen3:2).
func plain(id string) string {
	id = strings.ToLower(strings.TrimSpace(id))
	id = id[strings.LastIndexAny(id, `/\`)+1:]
	id = strings.TrimSuffix(id, ".gguf")
	return dated.ReplaceAllString(id, "")
}

// SameModel reports whether two ids most likely name one model.
func SameModel(a, b string) bool { return plain(a) == plain(b) }

// Nearest gives the id in list that is most like id, or "" where none is like it.
func Nearest(id string, list []string) string {
	want, best, score := plain(id), "", 0.0
	for _, have := range list {
		if s := likeness(want, plain(have)); s > score {
			best, score = have, s
		}
	}
	if score < 0.4 {
		return ""
	}
	return best
}

// likeness is the share of letter pairs that two names have in common (Dice).
func likeness(a, b string) float64 {
	if a == b {
		return 1
	}
	if len(a) < 2 || len(b) < 2 {
		return 0
	}
	pairs := make(map[string]int)
	for i := range len(a) - 1 {
		pairs[a[i:i+2]]++
	}
	both := 0
	for i := range len(b) - 1 {
		if p := b[i : i+2]; pairs[p] > 0 {
			pairs[p]--
			both++
		}
	}
	return 2 * float64(both) / float64(len(a)+len(b)-2)
}
