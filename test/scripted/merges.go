package scripted

import (
	"slices"
)

// pair is one merge of a byte-pair encoding: left and right become one token.
type pair struct{ left, right string }

func (p pair) before(q pair) bool {
	return p.left < q.left || p.left == q.left && p.right < q.right
}

// prose is the text from which merges are learned besides the template and the
// scripts: what prompts of an agent are made of, so that they cost fewer tokens.
const prose = `{"type": "function", "function": {"name": "get_item", "description": "Return the item with the given id.", "parameters": {"type": "object", "properties": {"path": {"type": "string", "description": "The path of the file to read"}, "count": {"type": "integer", "minimum": 0, "default": 10}, "items": {"type": "array", "items": {"type": "string"}}, "enabled": {"type": "boolean"}}, "required": ["path"], "additionalProperties": false}}}
{"type":"object","properties":{"query":{"type":"string","description":"What to search for"},"limit":{"type":"number"},"options":{"type":"object","properties":{}}},"required":["query"],"additionalProperties":false,"$schema":"http://json-schema.org/draft-07/schema#"}
You are a helpful assistant. Answer the question of the user in a few words. When you need more information, use one of the tools that are available to you and wait for the result before you go on. Do not make up results. If the tool returns an error, tell the user what went wrong and what they can do about it. The following is the content of the file that the user has sent. Please read it, then write a short summary and list the most important points. There is no need to repeat the whole text. This should be done with care, because other people will use it for their work and they would not like to find mistakes later. system user assistant tool message role content name arguments error result value string number`

// word is a distinct word of the corpus, cut into the symbols it has so far.
type word struct {
	symbols []string
	count   int
}

// learnMerges runs byte-pair encoding: join the most frequent neighbours, n times
// or until none occurs twice. Ties go to the lexically first pair, so the result
// depends on the text alone.
func learnMerges(text string, n int) []pair {
	words := countWords(text)
	var merges []pair
	for len(merges) < n {
		best, found := mostFrequent(words)
		if !found {
			break
		}
		merges = append(merges, best)
		for i := range words {
			words[i].join(best)
		}
	}
	return merges
}

func mostFrequent(words []word) (best pair, found bool) {
	counts := map[pair]int{}
	for _, w := range words {
		for i := 1; i < len(w.symbols); i++ {
			counts[pair{w.symbols[i-1], w.symbols[i]}] += w.count
		}
	}
	most := 1
	for p, c := range counts {
		if c > most || c == most && found && p.before(best) {
			best, most, found = p, c, true
		}
	}
	return best, found
}

func (w *word) join(p pair) {
	var joined []string
	for i := 0; i < len(w.symbols); i++ {
		if i+1 < len(w.symbols) && w.symbols[i] == p.left && w.symbols[i+1] == p.right {
			joined = append(joined, p.left+p.right)
			i++
			continue
		}
		joined = append(joined, w.symbols[i])
	}
	w.symbols = joined
}

// countWords splits about where the "gpt-2" pre-tokeniser does, so that a learned
// merge is one the server can apply: runs of letters, of digits, of blanks and of
// the rest, each taking one leading space with it.
func countWords(text string) []word {
	counts := map[string]int{}
	for i := 0; i < len(text); {
		end := wordEnd(text, i)
		counts[text[i:end]]++
		i = end
	}
	var texts []string
	for t := range counts {
		texts = append(texts, t)
	}
	slices.Sort(texts)
	var words []word
	for _, t := range texts {
		w := word{count: counts[t]}
		for i := range len(t) {
			w.symbols = append(w.symbols, t[i:i+1])
		}
		words = append(words, w)
	}
	return words
}

func wordEnd(text string, start int) int {
	first := start
	if text[first] == ' ' && first+1 < len(text) && classOf(text[first+1]) != blank {
		first++
	}
	class, end := classOf(text[first]), first
	for end < len(text) && classOf(text[end]) == class {
		end++
	}
	if class == blank && end < len(text) && end-start > 1 && text[end-1] == ' ' {
		end-- // the last blank belongs to the next word
	}
	return end
}

type class int

const (
	letter class = iota
	digit
	blank
	other
)

func classOf(b byte) class {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= 0x80:
		return letter
	case b >= '0' && b <= '9':
		return digit
	case b == ' ', b == '\n', b == '\t', b == '\r':
		return blank
	}
	return other
}
