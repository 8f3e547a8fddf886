package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"hearth"
	"hearth/agent"
	"hearth/internal/redact"
)

// journal is the log: what is worth finding later, without anybody's words or keys.
type journal struct {
	*home
	keys  *keyring
	run   string                          // names this process in the log
	masks atomic.Pointer[redact.Redactor] // of the values known now; nil until they are needed

	mu      sync.Mutex // guards the fields below
	log     *slog.Logger
	logFile *os.File
}

// logger writes one JSON line for each thing worth finding later, to a file a day. It
// is made when the first line is written; without a place to write it says nothing.
func (j *journal) logger() *slog.Logger {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.log == nil {
		var w io.Writer = io.Discard
		if f, err := j.openLog(time.Now()); err == nil {
			j.logFile, w = f, f
		}
		j.log = slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: j.redacted}))
		if j.masks.Load() == nil {
			j.masked(context.Background())
		}
	}
	return j.log
}

// redacted takes secrets out of everything that is logged: known values, and what looks
// like a key.
func (j *journal) redacted(_ []string, at slog.Attr) slog.Attr {
	switch v := at.Value.Resolve(); v.Kind() {
	case slog.KindString:
		at.Value = slog.StringValue(j.masks.Load().All(v.String()))
	case slog.KindAny:
		if at.Key != slog.LevelKey && at.Key != slog.TimeKey {
			at.Value = slog.StringValue(j.masks.Load().All(fmt.Sprint(v.Any())))
		}
	}
	return at
}

func (j *journal) openLog(now time.Time) (*os.File, error) {
	dir := j.state("logs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, "hearth-"+now.Format("2006-01-02")+".jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// happened logs an event of a turn: model calls, tools and what the person was told. Of
// words, thoughts, arguments and results there is nothing in the log, but for the 80
// characters that show where a request left the one before it.
func (j *journal) happened(e hearth.Event) {
	switch e.Kind {
	case hearth.EventNotice:
		if b := e.Break; b != nil {
			j.logger().Warn("epoch", slog.String("run", j.run), slog.String("turn", string(e.Turn)), slog.String("model", b.Model.String()), slog.String("reason", b.Reason),
				slog.Int64("epoch", b.Epoch), slog.Int("offset", b.Offset), slog.Int("tokensLost", b.TokensLost), slog.String("was", b.Was), slog.String("now", b.Now))
		}
		j.logger().Info("notice", slog.String("run", j.run), slog.String("kind", e.Notice.Kind), slog.String("text", e.Notice.Text))
	case hearth.EventToolEnd:
		failed := e.Result != nil && e.Result.Failed
		j.logger().Info("tool", slog.String("run", j.run), slog.String("turn", string(e.Turn)), slog.String("tool", e.Call.Name), slog.Bool("failed", failed))
	case hearth.EventReport:
		j.called(e.Report)
	default: // the pieces of an answer
	}
}

// warmed logs the calls of a warm-up, which no turn tells of.
func (j *journal) warmed(reports []hearth.Report) {
	for i := range reports {
		j.called(&reports[i])
	}
}

// called logs one attempt at a model.
func (j *journal) called(r *hearth.Report) {
	level := slog.LevelInfo
	if r.Reason != "" {
		level = slog.LevelWarn
	}
	j.logger().LogAttrs(context.Background(), level, "model call",
		slog.String("run", j.run), slog.String("turn", string(r.Turn)), slog.String("model", r.Target.String()), slog.String("endpoint", r.Endpoint),
		slog.String("lane", r.Lane), slog.String("purpose", string(r.Purpose)),
		slog.Int("bytes", r.Bytes), slog.Int("input", r.Usage.Input), slog.Int("cacheRead", r.Usage.CacheRead), slog.Int("output", r.Usage.Output),
		slog.Int64("queueMs", r.Phases.Queue.Milliseconds()), slog.Int64("readMs", (r.Phases.Load+r.Phases.Read).Milliseconds()), slog.Int64("writeMs", r.Phases.Write.Milliseconds()),
		slog.String("stop", string(r.Stop)), slog.String("reason", string(r.Reason)), slog.String("error", r.Error))
}

// logTurn logs how a turn ended, and logFailure what kept anything from beginning.
func (k *talk) logTurn(out agent.Outcome, err error) {
	attrs := []slog.Attr{
		slog.String("run", k.journal.run), slog.String("turn", string(out.Turn)), slog.String("session", k.t.Info().Key.Name),
		slog.String("model", out.Target.String()), slog.Int("steps", out.Steps), slog.Int("calls", len(out.Calls)), slog.String("stop", string(out.Stop)),
	}
	if err != nil {
		k.journal.logger().LogAttrs(context.Background(), slog.LevelError, "turn failed", append(attrs, reasonOf(err)...)...)
		return
	}
	k.journal.logger().LogAttrs(context.Background(), slog.LevelInfo, "turn", attrs...)
}

func (j *journal) logFailure(err error) {
	j.logger().LogAttrs(context.Background(), slog.LevelError, "failed", append([]slog.Attr{slog.String("run", j.run)}, reasonOf(err)...)...)
}

func reasonOf(err error) []slog.Attr {
	return []slog.Attr{slog.String("reason", string(hearth.ReasonOf(err))), slog.String("error", err.Error())}
}

func (j *journal) close() {
	if j.logFile != nil {
		_ = j.logFile.Close() // every line was written when it was logged
	}
}

// masked gives what masks the known values: in tool results these and nothing else, for
// text that only looks like a key may be the owner's code, and a model that reads
// "[secret]" there would write it back.
func (j *journal) masked(ctx context.Context) (values []string, mask func(string) string) {
	values = j.keys.secrets(ctx)
	r := redact.New(values...)
	j.masks.Store(r)
	return values, r.Values
}
