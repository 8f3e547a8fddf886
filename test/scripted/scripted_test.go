package scripted

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func defaultNetwork(t *testing.T) *network {
	t.Helper()
	spec, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNetwork(spec, newVocabulary(learnMerges(prose, maxMerges)), seed)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const smallSpec = `{"default": "@@hi", "scripts": [
	{"name": "hi", "trigger": "@@hi", "text": "Hello there."},
	{"name": "bye", "trigger": "@@bye", "text": "See you."}
]}`

func TestEqualConfigsGiveEqualBytes(t *testing.T) {
	spec, err := Parse([]byte(smallSpec))
	if err != nil {
		t.Fatal(err)
	}
	first, err := Build(Config{Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Build(Config{Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two builds of one config differ")
	}
	if head := first[:8]; string(head[:4]) != "GGUF" || binary.LittleEndian.Uint32(head[4:]) != 3 {
		t.Errorf("the file begins with %q, not with the header of GGUF 3", head)
	}
	if len(first) > 2<<20 {
		t.Errorf("the model has %d bytes; it should stay small enough to build in every run", len(first))
	}
	withTemplate, err := Build(Config{Spec: spec, ChatTemplate: "{{ messages }}"})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(withTemplate, []byte("tokenizer.chat_template")) {
		t.Error("the chat template is not in the file")
	}
}

// TestEveryScriptSaysItsText lets the idealised network speak, from a prompt whose
// last trigger is the script's.
func TestEveryScriptSaysItsText(t *testing.T) {
	n := defaultNetwork(t)
	if _, err := n.check(); err != nil {
		t.Fatal(err)
	}
	for script, s := range n.spec.Scripts {
		want := s.Text
		if s.Loop {
			want = strings.Repeat(s.Text, 3)
		}
		var said strings.Builder
		for token := int('\n'); ; {
			token, _ = n.best(n.state(token, script))
			if token == n.end || said.Len() >= len(want) {
				break
			}
			said.WriteString(n.tokens[token].text)
		}
		if s.Loop {
			// A loop comes back to the second chunk.
			if first := n.tokens[n.first[script]].text; strings.Count(said.String(), strings.TrimPrefix(s.Text, first)) < 2 {
				t.Errorf("%s says %q, which does not go round", s.Name, said.String())
			}
			continue
		}
		if said.String() != want {
			t.Errorf("%s says %q, want %q", s.Name, said.String(), want)
		}
	}
}

func TestChunksAreUniqueAndWholeCharacters(t *testing.T) {
	n := defaultNetwork(t)
	count := map[string]int{}
	for _, token := range n.tokens {
		count[token.text]++
	}
	for text, c := range count {
		if c > 1 {
			t.Errorf("%q is a token %d times", text, c)
		}
	}
	split := false
	for script, s := range n.spec.Scripts {
		for token, ok := n.first[script], s.Text != ""; ok && token != n.end; token = n.next[token] {
			whole := utf8.ValidString(n.tokens[token].text)
			if !whole && !s.Split {
				t.Errorf("%s: chunk %q ends inside a character", s.Name, n.tokens[token].text)
			}
			split = split || !whole
			if s.Loop && n.next[token] == n.first[script]+1 {
				break
			}
		}
	}
	if !split {
		t.Error("no script ends a chunk inside a character, so no test sees one")
	}
}

func TestTheCheckRefusesABrokenNetwork(t *testing.T) {
	breakages := map[string]func(n *network){
		"a successor that is not the loudest": func(n *network) { clear(row(n.unembed, n.first[0]+1)) },
		"a script deaf to its trigger":        func(n *network) { row(n.unembed, n.first[2])[dimTrigger+2] = 0 },
		"an end that never comes":             func(n *network) { row(n.unembed, n.end)[dimEnd] = 0 },
		"a lead that is too small":            func(n *network) { row(n.unembed, n.first[2])[dimTrigger+2] -= 22 },
	}
	for name, damage := range breakages {
		n := defaultNetwork(t)
		damage(n)
		if _, err := n.check(); err == nil {
			t.Errorf("%s passes the check", name)
		}
	}
}

// TestTheNearestTriggerWins evaluates the attention's scores on exact rotary angles:
// softmax must give the nearest of two triggers nearly all the weight.
func TestTheNearestTriggerWins(t *testing.T) {
	n := defaultNetwork(t)
	score := func(distance int) float64 {
		q, k := headInput(n.attn.query, n, 'a'), headInput(n.attn.key, n, n.triggers[0])
		sum := 0.0
		for i := range headWidth / 2 {
			angle := float64(distance) * math.Pow(ropeBase, -2*float64(i)/headWidth)
			sin, cos := math.Sincos(angle)
			x, y := q[2*i]*cos-q[2*i+1]*sin, q[2*i]*sin+q[2*i+1]*cos
			sum += x*k[2*i] + y*k[2*i+1]
		}
		return sum / math.Sqrt(headWidth)
	}
	for _, c := range []struct{ near, far int }{{1, 11}, {5, 40}, {100, 120}, {3000, 3020}, {20000, 20040}} {
		if lead := score(c.near) - score(c.far); lead < 8 {
			t.Errorf("a trigger %d tokens back leads one %d back by %.1f only", c.near, c.far, lead)
		}
	}
	if s := score(30000); s < 10 {
		t.Errorf("a trigger 30000 tokens back scores %.1f; tokens without a trigger score 0", s)
	}
}

func headInput(matrix []float32, n *network, token int) []float64 {
	e, squares := row(n.embed, token), 0.0
	for _, v := range e {
		squares += float64(v) * float64(v)
	}
	out := make([]float64, headWidth)
	for to := range out {
		for from, v := range e {
			out[to] += float64(matrix[to*width+from]) * float64(v) * math.Sqrt(width/squares)
		}
	}
	return out
}

func TestSpecsThatCannotWork(t *testing.T) {
	cases := map[string]string{
		"not json":                      `{`,
		"no scripts and no default":     `{}`,
		"a default nobody has":          `{"default":"@@b","scripts":[{"name":"a","trigger":"@@a","text":"hi there"}]}`,
		"a script without a trigger":    `{"default":"@@a","scripts":[{"name":"a","text":"hi there"}]}`,
		"a trigger inside another":      `{"default":"@@a","scripts":[{"name":"a","trigger":"@@a","text":"x"},{"name":"b","trigger":"@@ab","text":"y"}]}`,
		"the same trigger twice":        `{"default":"@@a","scripts":[{"name":"a","trigger":"@@a","text":"x"},{"name":"b","trigger":"@@a","text":"y"}]}`,
		"a loop over nothing":           `{"default":"@@a","scripts":[{"name":"a","trigger":"@@a","loop":true}]}`,
		"a text of one repeated letter": `{"default":"@@a","scripts":[{"name":"a","trigger":"@@a","text":"` + strings.Repeat("a", 4000) + `"}]}`,
		"too many scripts":              tooMany(),
	}
	for name, text := range cases {
		spec, err := Parse([]byte(text))
		if err == nil {
			_, err = Build(Config{Spec: spec})
		}
		if err == nil {
			t.Errorf("%s: built", name)
		}
	}
}

func tooMany() string {
	var list []string
	for i := range triggerSlots + 1 {
		list = append(list, fmt.Sprintf(`{"name":"s%d","trigger":"@@%02d.","text":"number %d"}`, i, i, i))
	}
	return `{"default":"@@00.","scripts":[` + strings.Join(list, ",") + `]}`
}

func TestHalfPrecision(t *testing.T) {
	cases := []struct {
		in   float32
		bits uint16
		ok   bool
	}{
		{0, 0x0000, true},
		{1, 0x3c00, true},
		{-2, 0xc000, true},
		{0.333251953125, 0x3555, true},
		{65504, 0x7bff, true},         // the largest
		{65519, 0x7bff, true},         // still rounds down to it
		{65520, 0, false},             // rounds to infinity
		{1 + 1.0/2048, 0x3c00, true},  // a tie goes to the even neighbour
		{1 + 3.0/2048, 0x3c02, true},  // here too
		{4095.0 / 2048, 0x4000, true}, // the carry moves into the exponent
		{0x1p-14, 0x0400, true},       // the smallest normal
		{0x1p-24, 0x0001, true},       // the smallest subnormal
		{0x1p-26, 0x0000, true},       // below half of it
		{0x1.ffcp-15, 0x0400, true},   // a subnormal that rounds up to a normal
		{float32(math.Inf(1)), 0, false},
	}
	for _, c := range cases {
		bits, ok := half(c.in)
		if bits != c.bits || ok != c.ok {
			t.Errorf("half(%g) = %#04x, %v; want %#04x, %v", c.in, bits, ok, c.bits, c.ok)
		}
	}
}

func TestMergesFollowTheTextAlone(t *testing.T) {
	got := learnMerges("low low low lower lowest", 3)
	want := []pair{{"l", "o"}, {"lo", "w"}, {" ", "low"}}
	if !slices.Equal(got, want) {
		t.Errorf("learned %v, want %v", got, want)
	}
	if got := learnMerges("abc", 10); len(got) != 0 {
		t.Errorf("learned %v from a text where no pair occurs twice", got)
	}
}

func TestFindNamesWhatIsMissing(t *testing.T) {
	spec, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := spec.Find("read"); err != nil || s.Trigger != "@@read" {
		t.Errorf("read is %+v, %v", s, err)
	}
	if _, err := spec.Find("rede"); err == nil || !strings.Contains(err.Error(), "rede") {
		t.Errorf("the error is %v", err)
	}
}

// A server looks for tokens of this kind in a prompt, the longest first, before it merges
// anything else.
func TestWhatItRemembersIsReadAsItWasSaid(t *testing.T) {
	config, err := Reasoner()
	if err != nil {
		t.Fatal(err)
	}
	spec := config.Spec
	vocab := newVocabulary(learnMerges(prose, maxMerges))
	vocab.remember(spec)
	n, err := newNetwork(spec, vocab, seed)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, t := range n.tokens {
		if t.kind == tokenUser {
			found = append(found, t.text)
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return len(b) - len(a) })
	for script, s := range spec.Scripts {
		var said []string
		for token := n.first[script]; token != n.end; token = n.next[token] {
			said = append(said, n.tokens[token].text)
		}
		read := []string{s.Text}
		for _, token := range found {
			var next []string
			for _, piece := range read {
				before, after, ok := strings.Cut(piece, token)
				if !ok || slices.Contains(found, piece) {
					next = append(next, piece)
					continue
				}
				next = append(next, before, token, after)
			}
			read = slices.DeleteFunc(next, func(s string) bool { return s == "" })
		}
		if !slices.Equal(said, read) {
			t.Errorf("%s says %q, which is read as %q", s.Name, said, read)
		}
	}
}
