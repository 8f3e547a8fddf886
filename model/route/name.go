package route

import (
	"fmt"
	"regexp"
	"strings"

	"hearth/internal/spelling"
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
func SameModel(a, b string) bool { return a == b || plain(a) == plain(b) }

// Nearest gives the id in list that a person most likely meant by id, or "" where none is
// near: a part of the one is the whole other, or few letters differ. A guess that is far
// off sends people the wrong way.
func Nearest(id string, list []string) string {
	want, best, score := plain(id), "", 0.0
	for _, have := range list {
		if s := nearness(want, plain(have)); s > score {
			best, score = have, s
		}
	}
	return best
}

// nearness is between 0, not near, and 1, the same.
func nearness(a, b string) float64 {
	if a == b {
		return 1
	}
	short, long := min(len(a), len(b)), max(len(a), len(b))
	if short == 0 {
		return 0
	}
	if off := spelling.Distance(a, b); off <= max(1, long/4) && 3*off <= long {
		return 1 - float64(off)/float64(2*long)
	}
	if s := likeness(a, b); s >= 0.6 {
		return s * 0.8
	}
	if short >= 3 && (strings.Contains(a, b) || strings.Contains(b, a)) {
		return 0.4 * float64(short) / float64(long)
	}
	return 0
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

// Some names the first of a list, for a sentence.
func Some(list []string) string {
	const shown = 5
	text := strings.Join(list[:min(shown, len(list))], ", ")
	if more := len(list) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
