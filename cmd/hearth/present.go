package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/clipperhouse/displaywidth"

	"hearth"
)

// patience is how long a person looks at nothing before being told what is waited for.
const patience = 2 * time.Second

// presenter shows a turn's events: the answer on out, everything else on err. What is
// waited for is shown by a timer, which ends with Close; everything else as it comes, by
// whoever hands it over, because a goroutine woken for each token costs more than the
// token.
type presenter struct {
	out, err io.Writer
	live     bool               // err is a terminal that can: the waiting line is redrawn in place
	columns  func() int         // of that terminal, as it is now; 0 = not known
	quiet    bool               // print no answer text: --json
	log      func(hearth.Event) // is told of everything first

	mu      sync.Mutex // guards the fields below
	timer   *time.Timer
	closed  bool
	wait    hearth.Wait
	tool    string    // that runs now; then nobody waits for the model
	since   time.Time // of the phase, or the tool's run
	heard   time.Time // when wait was told
	silent  time.Time // since when nothing was shown
	drawn   bool
	told    time.Time // when a waiting line was last printed to a stream that is no terminal
	midLine bool      // the answer's last byte was not a newline
	denied  bool      // the newest call was
	notice  string    // the newest one; saying it again at the next step would tell nothing new
}

func newPresenter(s streams, quiet bool, log func(hearth.Event)) *presenter {
	now := time.Now()
	p := &presenter{out: s.out, err: s.err, live: s.errTTY && !s.dumb, columns: s.columns, quiet: quiet, log: log, since: now, silent: now}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(lookEvery, p.look)
	return p
}

// lookEvery is how often the line of what is waited for is drawn anew.
const lookEvery = 500 * time.Millisecond

// Emit shows an event; it is given to agent.Turn.
func (p *presenter) Emit(e hearth.Event) {
	p.log(e)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(e)
}

// Close ends what is on the screen. Nothing is shown after it.
func (p *presenter) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.timer.Stop()
	p.clear()
	p.endLine()
}

// look runs in a goroutine of the timer.
func (p *presenter) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.waiting(time.Now())
	p.timer.Reset(lookEvery)
}

func (p *presenter) show(e hearth.Event) {
	switch e.Kind {
	case hearth.EventWait:
		if e.Wait.Phase != p.wait.Phase {
			p.since = time.Now()
		}
		p.wait, p.heard = e.Wait, time.Now()
		return // the line is drawn by the ticker, after a little patience
	case hearth.EventText:
		p.clear()
		if !p.quiet {
			p.print(e.Text)
		}
	case hearth.EventThinking:
		if p.wait.Phase != hearth.PhaseWriting || p.wait.Note != "thinking" {
			p.wait, p.since = hearth.Wait{Phase: hearth.PhaseWriting, Model: p.wait.Model, Note: "thinking"}, time.Now()
		}
		return
	case hearth.EventToolStart:
		p.clear()
		p.endLine()
		p.line("· " + describeCall(e))
		if p.denied = e.Decision != ""; !p.denied {
			p.tool, p.wait, p.since = e.Call.Name, hearth.Wait{}, time.Now()
		}
	case hearth.EventToolEnd:
		p.tool = ""
		if e.Result != nil && e.Result.Failed && !p.denied { // why it was denied has been said
			p.clear()
			p.line("  " + firstLine(e.Result.Text))
		}
	case hearth.EventNotice:
		if e.Notice.Text == p.notice {
			return
		}
		p.notice = e.Notice.Text
		p.clear()
		p.endLine()
		p.line("note: " + oneLine(e.Notice.Text))
	default:
		return
	}
	p.silent = time.Now()
}

func (p *presenter) print(s string) {
	if s == "" {
		return
	}
	_, _ = io.WriteString(p.out, s) // it is remembered, and ends the turn where nobody reads it
	p.midLine = !strings.HasSuffix(s, "\n")
}

func (p *presenter) line(s string) { fmt.Fprintln(p.err, s) }

// endLine ends the answer's line before something else is shown.
func (p *presenter) endLine() {
	if p.midLine && !p.quiet {
		_, _ = io.WriteString(p.out, "\n")
		p.midLine = false
	}
}

// waiting shows what is waited for, once there was nothing to see for a while.
func (p *presenter) waiting(now time.Time) {
	if now.Sub(p.silent) < patience || p.wait.Phase == "" && p.tool == "" {
		return
	}
	w := p.wait
	if w.ETA = max(0, w.ETA-now.Sub(p.heard)); w.ETA == 0 && w.Late != "" { // longer than foreseen: nothing is said of the end
		w.Note = w.Late
	}
	text := waitLine(w, now.Sub(p.since))
	if p.tool != "" {
		text = fmt.Sprintf("%s runs · %d s", oneLine(p.tool), int(now.Sub(p.since).Seconds()))
	}
	switch {
	case p.live && p.midLine: // in the middle of an answer a status line would tear it apart
	case p.live:
		fmt.Fprintf(p.err, "\r\x1b[K%s", p.fitting(text))
		p.drawn = true
	case now.Sub(p.told) >= 30*time.Second || p.told.Before(p.silent):
		p.line(text)
		p.told = now
	}
}

// fitting cuts a line to what can be redrawn in place: of one that went on in the next row
// the first row would stay at each redraw. The last column stays free, because terminals
// differ in whether the cursor leaves it by itself.
func (p *presenter) fitting(text string) string {
	columns := 0
	if p.columns != nil {
		columns = p.columns()
	}
	if columns <= 0 {
		return text
	}
	return displaywidth.TruncateString(text, columns-1, "…")
}

func (p *presenter) clear() {
	if p.drawn {
		fmt.Fprint(p.err, "\r\x1b[K")
		p.drawn = false
	}
}

// waitLine is one line for a person: what is waited for, how long, and why.
func waitLine(w hearth.Wait, elapsed time.Duration) string {
	model := w.Model
	if model == "" {
		model = "the model"
	}
	var what string
	switch w.Phase {
	case hearth.PhaseQueued:
		what = "waiting for a free slot"
		switch {
		case w.Behind != "":
			what += " behind " + oneLine(w.Behind)
		case w.Note != "": // the server itself asks for patience
			what = "waiting for " + model
		}
	case hearth.PhaseConnecting:
		what = "connecting to " + model
	case hearth.PhaseStarting:
		what = "starting " + model
	case hearth.PhaseLoading:
		what = "waiting for " + model
		if w.Note == "" {
			w.Note = "the first answer loads the model"
		}
	case hearth.PhaseWriting:
		what = model + " is writing"
		if w.Note == "thinking" {
			what, w.Note = model+" is thinking", ""
		}
	case hearth.PhaseStopping:
		what = "waiting until the server has let go"
	default:
		what = "waiting for " + model
		switch {
		case w.Total > 0 && w.Done > 0:
			what = fmt.Sprintf("%s reads %d of %d tokens", model, w.Done, w.Total)
		case w.Total > 0: // nobody says how far it is
			what = fmt.Sprintf("%s reads about %d tokens", model, roughly(w.Total))
		}
	}
	what += fmt.Sprintf(" · %d s", int(elapsed.Seconds()))
	switch left := int(w.ETA.Seconds() + 0.5); {
	case left >= 100:
		what += fmt.Sprintf(", about %d min to go", (left+30)/60)
	case left > 0:
		what += fmt.Sprintf(", about %d s to go", left)
	}
	if w.Note != "" {
		what += ", " + oneLine(w.Note)
	}
	return what
}

// roughly gives the first two digits of an estimate.
func roughly(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// describeCall is one line for a tool call; the arguments are the model's, so they are
// made harmless and short.
func describeCall(e hearth.Event) string {
	s := e.Text
	if s == "" {
		s = e.Call.Name + " " + oneLine(e.Call.Arguments)
	}
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "…"
	}
	if e.Decision != "" {
		s += " (" + oneLine(e.Decision) + ")"
	}
	return s
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return oneLine(s)
}
