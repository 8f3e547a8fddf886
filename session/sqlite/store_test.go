package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"hearth/session"
	"hearth/session/sessiontest"
	"hearth/session/sqlite"
)

var suite = sessiontest.Suite{
	Place: func(t testing.TB) string { return filepath.Join(t.TempDir(), "state % ?mode=ro#é", "hearth.db") },
	Open: func(ctx context.Context, place string) (session.Store, error) {
		return sqlite.Open(ctx, sqlite.Config{Path: place, Command: "hearth test"})
	},
}

func TestMain(m *testing.M) {
	code, played := suite.Main()
	if !played {
		code = m.Run()
	}
	os.Exit(code)
}

func TestStoreConforms(t *testing.T) { suite.Test(t) }
