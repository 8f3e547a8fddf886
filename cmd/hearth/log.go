package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hearth"
	"hearth/agent"
)

// logger writes one JSON line for each thing worth finding later, to a file a day. It
// is made when the first line is written; without a place to write it says nothing.
func (a *app) logger() *slog.Logger {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.log == nil {
		var w io.Writer = io.Discard
		if f, err := a.openLog(time.Now()); err == nil {
			a.logFile, w = f, f
		}
		a.log = slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: a.redacted}))
		if a.masks.Load() == nil {
			a.masked(context.Background())
		}
	}
	return a.log
}

// redacted takes secrets out of everything that is logged: known values, and what looks
// like a key.
func (a *app) redacted(_ []string, at slog.Attr) slog.Attr {
	switch v := at.Value.Resolve(); v.Kind() {
	case slog.KindString:
		at.Value = slog.StringValue(a.masks.Load().All(v.String()))
	case slog.KindAny:
		if at.Key != slog.LevelKey && at.Key != slog.TimeKey {
			at.Value = slog.StringValue(a.masks.Load().All(fmt.Sprint(v.Any())))
		}
	}
	return at
}

func (a *app) openLog(now time.Time) (*os.File, error) {
	dir := a.state("logs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, "hearth-"+now.Format("2006-01-02")+".jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// happened logs an event of a turn: model calls, tools and what the person was told. Of
// words, thoughts, arguments and results there is nothing in the log, but for the 80
// characters that show where a request left the one before it.
func (a *app) happened(e hearth.Event) {
	switch e.Kind {
	case hearth.EventNotice:
		if b := e.Break; b != nil {
			a.logger().Warn("epoch", slog.String("run", a.run), slog.String("turn", string(e.Turn)), slog.String("model", b.Model.String()), slog.String("reason", b.Reason),
				slog.Int64("epoch", b.Epoch), slog.Int("offset", b.Offset), slog.Int("tokensLost", b.TokensLost), slog.String("was", b.Was), slog.String("now", b.Now))
		}
		a.logger().Info("notice", slog.String("run", a.run), slog.String("kind", e.Notice.Kind), slog.String("text", e.Notice.Text))
	case hearth.EventToolEnd:
		failed := e.Result != nil && e.Result.Failed
		a.logger().Info("tool", slog.String("run", a.run), slog.String("turn", string(e.Turn)), slog.String("tool", e.Call.Name), slog.Bool("failed", failed))
	case hearth.EventReport:
		a.called(e.Report)
	default: // the pieces of an answer
	}
}

// called logs one attempt at a model.
func (a *app) called(r *hearth.Report) {
	level := slog.LevelInfo
	if r.Reason != "" {
		level = slog.LevelWarn
	}
	a.logger().LogAttrs(context.Background(), level, "model call",
		slog.String("run", a.run), slog.String("turn", string(r.Turn)), slog.String("model", r.Target.String()), slog.String("endpoint", r.Endpoint),
		slog.Int("bytes", r.Bytes), slog.Int("input", r.Usage.Input), slog.Int("cacheRead", r.Usage.CacheRead), slog.Int("output", r.Usage.Output),
		slog.Int64("queueMs", r.Phases.Queue.Milliseconds()), slog.Int64("readMs", (r.Phases.Load+r.Phases.Read).Milliseconds()), slog.Int64("writeMs", r.Phases.Write.Milliseconds()),
		slog.String("stop", string(r.Stop)), slog.String("reason", string(r.Reason)), slog.String("error", r.Error))
}

// logTurn logs how a turn ended, and logFailure what kept anything from beginning.
func (k *talk) logTurn(out agent.Outcome, err error) {
	attrs := []slog.Attr{
		slog.String("run", k.run), slog.String("turn", string(out.Turn)), slog.String("session", k.t.Info().Key.Name),
		slog.String("model", out.Target.String()), slog.Int("steps", out.Steps), slog.Int("calls", len(out.Calls)), slog.String("stop", string(out.Stop)),
	}
	if err != nil {
		k.logger().LogAttrs(context.Background(), slog.LevelError, "turn failed", append(attrs, reasonOf(err)...)...)
		return
	}
	k.logger().LogAttrs(context.Background(), slog.LevelInfo, "turn", attrs...)
}

func (a *app) logFailure(err error) {
	a.logger().LogAttrs(context.Background(), slog.LevelError, "failed", append([]slog.Attr{slog.String("run", a.run)}, reasonOf(err)...)...)
}

func reasonOf(err error) []slog.Attr {
	return []slog.Attr{slog.String("reason", string(hearth.ReasonOf(err))), slog.String("error", err.Error())}
}

func containsPEM(s string) bool { return strings.Contains(s, "-----BEGIN") }
