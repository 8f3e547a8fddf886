package catalog

import (
	_ "embed"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"hearth"
	"hearth/model"
)

//go:embed models.tsv
var table string

// A Model is one row: what a vendor's page says of a model. Zero means unknown, except
// for prices, where it means free or unknown.
type Model struct {
	Ref       hearth.ModelRef
	Name      string
	Window    int // tokens
	MaxTokens int // of one answer
	Cost      Cost
	Reasoning bool
	Vision    bool
	Efforts   []string // thinking levels that may be asked for
}

// Cost is in US dollars for a million tokens.
type Cost struct {
	Input, Output, CacheRead, CacheWrite float64
}

// Of is the price of a call, in US dollars.
func (c Cost) Of(u hearth.Usage) float64 {
	fresh := max(0, u.Input-u.CacheRead-u.CacheWrite)
	return (float64(fresh)*c.Input + float64(u.CacheRead)*c.CacheRead + float64(u.CacheWrite)*c.CacheWrite + float64(u.Output)*c.Output) / 1e6
}

// Models yields the rows of one provider, or of all for "", in the table's order.
func Models(provider string) iter.Seq[Model] {
	return func(yield func(Model) bool) {
		for line := range strings.Lines(table) {
			if id, _, _ := strings.Cut(line, "\t"); provider != "" && id != provider || strings.HasPrefix(line, "#") {
				continue
			}
			if m, ok := parse(line); ok && !yield(m) {
				return
			}
		}
	}
}

// Lookup gives the row of a model. An id without a date finds the newest dated one, and
// a dated id that is not listed finds the one without.
func Lookup(ref hearth.ModelRef) (Model, bool) {
	var near Model
	found := false
	for m := range Models(ref.Provider) {
		switch {
		case m.Ref.Model == ref.Model:
			return m, true
		case undated(m.Ref.Model) == undated(ref.Model) && (!found || m.Ref.Model > near.Ref.Model):
			near, found = m, true
		}
	}
	return near, found
}

// date is what vendors put behind a model's name: -20250929, -2024-08-06, -2512, -05-06,
// -latest.
var date = regexp.MustCompile(`-(20\d{2}-?\d{2}-?\d{2}|\d{2}-?\d{2}|latest)$`)

func undated(id string) string { return date.ReplaceAllString(strings.ToLower(id), "") }

// Layer gives the catalog's layer of a model's Capabilities.
func (m *Model) Layer() model.Layer {
	tools := model.ToolsNative
	l := model.Layer{
		Tools: &tools, Reasoning: &m.Reasoning, Vision: &m.Vision, Efforts: m.Efforts,
		Evidence: map[string]string{"window": "catalog row " + m.Ref.String()},
	}
	if m.Reasoning && (m.Ref.Provider == "deepseek" || m.Ref.Provider == "moonshot") {
		// Once tools are there, both refuse an answer without the reasoning that led to it
		// (https://api-docs.deepseek.com/guides/thinking_mode,
		// https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model).
		l.NeedsReasoning = new(true)
	}
	if m.Window > 0 {
		l.Window = &m.Window
	}
	if m.MaxTokens > 0 {
		l.MaxTokens = &m.MaxTokens
	}
	return l
}

// The columns of the table.
const (
	colProvider = iota
	colID
	colName
	colWindow
	colMaxTokens
	colInput
	colOutput
	colCacheRead
	colCacheWrite
	colFlags // r: thinks, v: sees images
	colEfforts
	columns
)

// header is the first line of the table.
const header = "# provider\tid\tname\twindow\tmax tokens\tinput\toutput\tcache read\tcache write\tflags\tefforts"

// parse reads one line; ok is false for a line that is no row.
func parse(line string) (m Model, ok bool) {
	f := strings.Split(strings.TrimRight(line, "\n"), "\t")
	if len(f) != columns || f[colID] == "" {
		return Model{}, false
	}
	m = Model{
		Ref:  hearth.ModelRef{Provider: f[colProvider], Model: f[colID]},
		Name: f[colName], Reasoning: strings.Contains(f[colFlags], "r"), Vision: strings.Contains(f[colFlags], "v"),
	}
	if f[colEfforts] != "" {
		m.Efforts = strings.Split(f[colEfforts], ",")
	}
	ok = true
	for col, into := range map[int]*int{colWindow: &m.Window, colMaxTokens: &m.MaxTokens} {
		n, err := strconv.Atoi(f[col])
		*into, ok = n, ok && err == nil
	}
	for col, into := range map[int]*float64{colInput: &m.Cost.Input, colOutput: &m.Cost.Output, colCacheRead: &m.Cost.CacheRead, colCacheWrite: &m.Cost.CacheWrite} {
		n, err := strconv.ParseFloat(f[col], 64)
		*into, ok = n, ok && err == nil
	}
	return m, ok
}

// line writes a row as parse reads it.
func (m *Model) line() string {
	flags := ""
	if m.Reasoning {
		flags += "r"
	}
	if m.Vision {
		flags += "v"
	}
	price := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	return strings.Join([]string{
		m.Ref.Provider, m.Ref.Model, m.Name, strconv.Itoa(m.Window), strconv.Itoa(m.MaxTokens),
		price(m.Cost.Input), price(m.Cost.Output), price(m.Cost.CacheRead), price(m.Cost.CacheWrite),
		flags, strings.Join(m.Efforts, ","),
	}, "\t")
}
