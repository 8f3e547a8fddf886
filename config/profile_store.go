package config

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hearth/internal/atomicfile"
	"hearth/internal/filelock"
	"hearth/internal/json5"
)

// StoreProfile keeps a credential in the agent's file in Hearth's own folder, mode 0600,
// in place of one of the same id, and gives the file's path. It waits for another process
// that is writing, until ctx is done. Nothing else in the file changes; one that does not
// parse is left as it is, and that is the error. f still holds what it held.
func (f *File) StoreProfile(ctx context.Context, agentID string, p Profile) (path string, err error) {
	agentID = strings.ToLower(cmp.Or(agentID, f.Config.Agents.DefaultID()))
	path = storePath(f.Places.State, agentID)
	switch {
	case !agentFolder.MatchString(agentID):
		return path, fmt.Errorf("agent %q can have no folder", agentID)
	case f.Places.Foreign(path):
		return path, fmt.Errorf("%s is in OpenClaw's folder, where Hearth never writes", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return path, err
	}
	lock, err := filelock.Wait(ctx, path+".lock", filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: "models auth"}, nil)
	if err != nil {
		return path, err
	}
	return path, errors.Join(storeLocked(path, p), lock.Release())
}

const emptyStore = "{\n  \"version\": 1,\n  \"profiles\": {}\n}\n"

func storeLocked(path string, p Profile) error {
	src, err := readLimited(path, secretMaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		src, err = []byte(emptyStore), nil
	}
	if err != nil {
		return err
	}
	parse := func(src []byte) (*json5.Document, error) { return json5.Parse(path, src) }
	if _, err := parse(src); err != nil {
		return fmt.Errorf("%s does not parse as JSON: correct it first", path) // the error would quote a line of it
	}
	entry, err := json.Marshal(storedEntry(p))
	if err != nil {
		return err
	}
	value, err := json5.Parse("", entry)
	if err != nil {
		return err
	}
	if src, err = json5.Set(parse, src, []json5.Step{json5.Key("profiles"), json5.Key(p.ID)}, value.Root); err != nil {
		return errors.New(path + " has another form than it should: correct it first")
	}
	return atomicfile.Write(path, src, 0o600)
}

type entry struct {
	Type     string `json:"type"`
	Provider string `json:"provider"`
	Key      string `json:"key,omitempty"`
	Token    string `json:"token,omitempty"`
	Expires  int64  `json:"expires,omitempty"` // milliseconds since 1970
}

func storedEntry(p Profile) entry {
	e := entry{Type: p.Kind, Provider: p.Provider, Key: p.Secret.text}
	if p.Kind == "token" {
		e.Key, e.Token = "", p.Secret.text
	}
	if !p.Expires.IsZero() {
		e.Expires = p.Expires.UnixMilli()
	}
	return e
}
