package session

import (
	"strings"
	"testing"

	"hearth"
)

func TestFind(t *testing.T) {
	long := strings.Repeat("x ", 200)
	for _, row := range []struct{ name, text, words, want string }{
		{"a word of a line", "one\ntwo kettles\nthree", "kettles", "two kettles"},
		{"case does not count", "The KETTLE", "kEttle", "The KETTLE"},
		{"nor does it in other scripts", "Я люблю МОСКВУ", "москву", "Я люблю МОСКВУ"},
		{"nor with accents", "GRÜSSE aus ÅRHUS", "grüsse århus", "GRÜSSE aus ÅRHUS"},
		{"a final sigma is a sigma", "ΟΔΟΣ", "οδος", "ΟΔΟΣ"},
		{"a capital sharp s is a sharp s", "STRAẞE", "straße", "STRAẞE"},
		{"a dotted capital i is an i", "İstanbul", "istanbul", "İstanbul"},
		{"a word within another", "teakettle", "kettle", "teakettle"},
		{"a language without spaces", "お湯が沸きました", "沸き", "お湯が沸きました"},
		{"a word that is missing", "tea", "tea kettle", ""},
		{"words of two lines show both", "tea\nnothing\nkettle", "kettle tea", "tea|kettle"},
		{"the line with most words comes first", "tea\ntea and kettle", "kettle tea", "tea and kettle"},
		{"a return at a line's end is no part of it", "tea\r\nmilk\r\n", "tea", "tea"},
		{"a long line is cut around the word", long + "kettle" + long, "kettle", "…" + strings.Repeat("x ", 25) + "kettle" + strings.Repeat("x ", 25)[:50] + "…"},
		{"and around each word", long + "TEA" + long + "kettle", "kettle tea",
			"…" + strings.Repeat("x ", 25) + "TEA" + strings.Repeat("x ", 25) + "…" + strings.Repeat("x ", 25) + "kettle"},
		{"words that are near are one piece", long + "İ tea and kettle", "kettle tea", "…" + strings.Repeat("x ", 24) + "İ tea and kettle"},
		{"a letter that folds to fewer bytes moves nothing", strings.Repeat("ẞİ", 100) + "kettle", "kettle", "…" + strings.Repeat("ẞİ", 25) + "kettle"},
		{"no words are in nothing", "tea", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			words := strings.Fields(fold(row.words))
			var got []string
			for _, l := range find(&hearth.Message{Parts: []hearth.Part{{Text: row.text}}}, words) {
				got = append(got, l.Text)
			}
			if g := strings.Join(got, "|"); g != row.want {
				t.Errorf("%q in %q:\n%q\nwant\n%q", row.words, row.text, g, row.want)
			}
		})
	}
}

func TestFindLooksAtWhatWasSaid(t *testing.T) {
	m := &hearth.Message{Parts: []hearth.Part{
		{Thinking: "secret"},
		{Text: "See here", Provenance: hearth.FromModel},
		{Call: &hearth.ToolCall{Name: "read", Arguments: `{"path":"hidden"}`}},
		{Result: &hearth.ToolResult{Name: "read", Text: "a poem\nof tea", From: hearth.FromTool}},
	}}
	for _, row := range []struct {
		words string
		want  []HitLine
	}{
		{"here tea", []HitLine{{From: hearth.FromModel, Text: "See here"}, {From: hearth.FromTool, Tool: "read", Text: "of tea"}}},
		{"secret", nil},
		{"hidden", nil},
	} {
		got := find(m, strings.Fields(row.words))
		if len(got) != len(row.want) {
			t.Errorf("%s: %+v", row.words, got)
			continue
		}
		for i := range got {
			if got[i] != row.want[i] {
				t.Errorf("%s: %+v, want %+v", row.words, got[i], row.want[i])
			}
		}
	}
}

// Whatever is in a text and looked for: every word that is found is shown, and places in
// the folded text are places in the text.
func FuzzFind(f *testing.F) {
	f.Add("The kettle\nis on", "KETTLE on")
	f.Add(strings.Repeat("ẞİ", 100)+"\xffK", "k ß")
	f.Fuzz(func(t *testing.T, text, query string) {
		text = strings.ToValidUTF8(text, "\ufffd") // as a store gives it back
		words := strings.Fields(fold(strings.ToValidUTF8(query, "\ufffd")))
		lines := find(&hearth.Message{Parts: []hearth.Part{{Text: text}}}, words)
		found := len(words) > 0
		for _, w := range words {
			found = found && strings.Contains(fold(text), w)
		}
		if found != (len(lines) > 0) {
			t.Fatalf("%q in %q: found %v, shown %+v", words, text, found, lines)
		}
		if !found {
			return
		}
		var shown strings.Builder
		for _, l := range lines {
			if strings.Contains(l.Text, "\n") {
				t.Errorf("%q is more than a line", l.Text)
			}
			shown.WriteString(l.Text + "\n")
		}
		for _, w := range words {
			if !strings.Contains(fold(shown.String()), w) {
				t.Errorf("%q is not in what is shown: %q", w, &shown)
			}
		}
	})
}
