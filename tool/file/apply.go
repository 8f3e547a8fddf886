package file

import (
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"

	"hearth/internal/escape"
)

// mismatch says why edits do not fit a file; it quotes the file.
type mismatch struct {
	text string
	info fs.FileInfo
}

func (m *mismatch) Error() string { return m.text }

func misfit(format string, args ...any) error { return &mismatch{text: fmt.Sprintf(format, args...)} }

// apply makes all edits in text or none. Each old text is looked for in the file as it
// was, must occur exactly once, and may not touch another's. Line ends count as equal
// whether they are LF or CR LF; new lines get the line end that the file has.
func apply(text string, edits []replace1) (string, []hunk, error) {
	flat := flatten(text)
	type place struct{ from, to, edit int } // in flat.text
	places := make([]place, 0, len(edits))
	for i, e := range edits {
		old := strings.ReplaceAll(e.old, "\r\n", "\n")
		at := strings.Index(flat.text, old)
		if at < 0 {
			return "", nil, misfit("edits[%d]: oldText does not occur in the file%s", i, nearest(flat.text, old))
		}
		if others := occurrences(flat.text, old); len(others) > 1 {
			return "", nil, misfit("edits[%d]: oldText occurs %s times, at lines %s; add lines around it until it is unique", i, count(others), numbers(others))
		}
		places = append(places, place{at, at + len(old), i})
	}
	slices.SortFunc(places, func(a, b place) int { return a.from - b.from })
	var out strings.Builder
	hunks := make([]hunk, len(edits))
	done := 0 // in text
	for n, p := range places {
		if n > 0 && p.from < places[n-1].to {
			return "", nil, misfit("edits[%d] and edits[%d] change the same text; make one edit of them", places[n-1].edit, p.edit)
		}
		from, to := flat.original(p.from), flat.original(p.to)
		replacement := strings.ReplaceAll(edits[p.edit].new, "\r\n", "\n")
		if flat.crlf {
			replacement = strings.ReplaceAll(replacement, "\n", "\r\n")
		}
		out.WriteString(text[done:from])
		out.WriteString(replacement)
		done = to
		hunks[n] = hunk{Line: 1 + strings.Count(flat.text[:p.from], "\n"), Old: text[from:to], New: replacement}
	}
	out.WriteString(text[done:])
	if out.String() == text {
		return "", nil, misfit("the edits change nothing")
	}
	return out.String(), hunks, nil
}

// flat is a text with every CR LF made LF, and the way back.
type flat struct {
	text    string
	removed []int // ascending: where in text the LF stands whose CR was taken away
	crlf    bool  // most lines end in CR LF
}

func flatten(text string) flat {
	f := flat{}
	if !strings.Contains(text, "\r\n") {
		f.text = text
		return f
	}
	var b strings.Builder
	for rest := text; ; {
		at := strings.Index(rest, "\r\n")
		if at < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:at])
		f.removed = append(f.removed, b.Len())
		b.WriteByte('\n')
		rest = rest[at+2:]
	}
	f.text = b.String()
	f.crlf = 2*len(f.removed) > strings.Count(f.text, "\n")
	return f
}

// original maps a position in the flat text to the text it was made of. A CR belongs
// to the LF after it.
func (f flat) original(at int) int { return at + sort.SearchInts(f.removed, at) }

// occurrences gives the line numbers of the first matches, overlapping ones too.
func occurrences(text, old string) []int {
	const enough = 21
	var found []int
	line, from := 1, 0
	for len(found) < enough {
		at := strings.Index(text[from:], old)
		if at < 0 {
			break
		}
		line += strings.Count(text[from:from+at], "\n")
		found = append(found, line)
		if text[from+at] == '\n' {
			line++
		}
		from += at + 1
	}
	return found
}

func count(found []int) string {
	if len(found) > 20 {
		return "more than 20"
	}
	return fmt.Sprint(len(found))
}

func numbers(found []int) string {
	out := make([]string, 0, 10)
	for i, n := range found {
		if i == 10 {
			out = append(out, "…")
			break
		}
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, ", ")
}

// nearest shows the part of the file that is most like old: the line that shares most
// of its words with old's first line that says anything, and what follows it.
func nearest(text, old string) string {
	wanted := strings.Split(strings.TrimSuffix(old, "\n"), "\n")
	first := slices.IndexFunc(wanted, func(s string) bool { return strings.TrimSpace(s) != "" })
	if first < 0 {
		return "; it is only white space"
	}
	const most = 50_000 // lines looked at
	have := strings.SplitN(text, "\n", most)
	best, bestScore := -1, 0.5
	for i, line := range have {
		if score := alike(wanted[first], line); score > bestScore {
			best, bestScore = i, score
		}
	}
	if best < 0 {
		return "; nothing in it looks alike. Read the file and copy the text exactly"
	}
	from := max(0, best-first)
	to := min(len(have), from+min(len(wanted), 12))
	var b strings.Builder
	fmt.Fprintf(&b, ". The nearest text, at line %d, is:", from+1)
	for _, line := range have[from:to] {
		b.WriteString("\n" + cut(line, 200))
	}
	if strings.Join(strings.Fields(strings.Join(have[from:min(len(have), from+len(wanted))], " ")), " ") == strings.Join(strings.Fields(old), " ") {
		b.WriteString("\nIt differs in white space only.")
	}
	return b.String()
}

// alike scores two lines from 0 to 1 by their common beginning and end without the
// white space around them. It is cheap, and finds the typing mistakes models make.
func alike(a, b string) float64 {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	shorter, longer := min(len(a), len(b)), max(len(a), len(b))
	if shorter == 0 || longer > 4000 {
		return 0
	}
	head := 0
	for head < shorter && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < shorter-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return float64(head+tail) / float64(longer)
}

// cut keeps a quoted line short; a model is shown it as it stands.
func cut(line string, n int) string {
	if len(line) <= n {
		return line
	}
	return escape.Short(line, n)
}
