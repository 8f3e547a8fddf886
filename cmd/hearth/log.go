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

func containsPEM(s string) bool { return strings.Contains(s, "-----BEGIN") }
