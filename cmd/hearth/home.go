package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"hearth"
	"hearth/config"
)

// home is where Hearth lives for one command: the config as it is now, the state folder
// that it names, and the person who is told what there is to tell. Every part has it.
type home struct {
	io   streams
	file *config.File // another one after an edit

	mu   sync.Mutex      // guards told
	told map[string]bool // what the person was told once
}

// state gives the path of something in the state folder.
func (h *home) state(name ...string) string {
	return filepath.Join(append([]string{h.file.Places.State}, name...)...)
}

// closeState keeps other users of the machine out of a state folder that they may enter:
// conversations and keys are in it.
func (h *home) closeState() {
	info, err := os.Stat(h.state())
	if err != nil || !info.IsDir() || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 || info.Mode()&os.ModeSticky != 0 {
		return // not there yet, no folder, closed, or a folder that is meant for everybody, such as /tmp
	}
	if home, err := os.UserHomeDir(); err == nil && filepath.Clean(home) == h.state() {
		return // more lives there than Hearth's things
	}
	if err := os.Chmod(h.state(), 0o700); err != nil { //nolint:gosec // a folder: without x its owner cannot enter it
		fmt.Fprintf(h.io.err, "note: other users of this machine may enter %s, and that cannot be changed: %s\n", h.state(), oneLine(err.Error()))
		return
	}
	fmt.Fprintf(h.io.err, "note: %s was open to other users of this machine and is closed to them now\n", h.state())
}

func (h *home) warn(warnings []config.Warning) {
	for _, w := range warnings {
		fmt.Fprintf(h.io.err, "config: %s\n", w)
	}
}

// once reports whether the person has not been told key before, by this process.
func (h *home) once(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := h.told[key]
	h.told[key] = true
	return !told
}

// edit changes the config and says what was written.
func (h *home) edit(ctx context.Context, edits ...config.Edit) error {
	change, err := h.file.Apply(edits...)
	if err != nil {
		return configError("models", err)
	}
	written, err := change.Write(ctx)
	if err != nil {
		return configError("models", err)
	}
	tellWritten(h.io, written)
	return nil
}

func (h *home) configLine() string {
	if !h.file.Exists {
		return "none yet; defaults are in use"
	}
	return h.file.Path()
}

// knownAgent complains of an agent that the config does not have. Without any in it there
// is one, main.
func (h *home) knownAgent(id string) error {
	if id == "" || strings.EqualFold(id, "main") {
		return nil
	}
	names := []string{}
	for _, g := range h.file.Config.Agents.All() {
		if strings.EqualFold(g.ID, id) {
			return nil
		}
		names = append(names, g.ID)
	}
	if len(names) == 0 {
		names = append(names, "main")
	}
	return &hearth.Error{Op: "choose an agent", Reason: hearth.ReasonUsage, Err: fmt.Errorf("the config has no agent %q", id),
		Cause: "The config's agents are: " + strings.Join(names, ", ") + ".", Try: "Name one of them, or add it to agents.list."}
}

// agentID is the agent in use.
func (h *home) agentID(id string) string {
	if id == "" {
		id = h.file.Config.Agents.DefaultID()
	}
	return strings.ToLower(id)
}

// workspace is the folder an agent works in; it is made where it is missing.
func (h *home) workspace(c choice) (string, error) {
	dir := c.workspace
	if dir != "" { // no shell expands the ~ of --workspace=~/x
		dir = h.file.Places.Expand(dir)
	} else {
		dir = h.file.Workspace(c.agent)
	}
	dir, err := filepath.Abs(dir)
	if _, absent := os.Stat(dir); err == nil && absent != nil && h.file.Places.Foreign(dir) {
		if c.workspace != "" {
			return "", &hearth.Error{Op: "open workspace", Reason: hearth.ReasonConfig, Err: fmt.Errorf("there is no folder %s", dir),
				Cause: "It would be in OpenClaw's folder, where Hearth makes nothing.", Try: "Make it yourself, or name another folder."}
		}
		own := h.state("workspace")
		if _, err := os.Stat(own); err != nil { // it is made now, so this is said once
			fmt.Fprintf(h.io.err, "note: OpenClaw's workspace %s is not there, and Hearth makes nothing in OpenClaw's folder: the workspace is %s\n", dir, own)
		}
		dir = own
	}
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		e := &hearth.Error{Op: "open workspace", Reason: hearth.ReasonConfig, Err: err,
			Cause: "The folder the agent works in cannot be made.", Try: "Set agents.defaults.workspace, or use --workspace."}
		if in, no := filepath.Rel(h.state(), dir); no == nil && filepath.IsLocal(in) { // the conversations go there as well
			e.Cause = "Hearth's own folder " + h.state() + ", in which the agent works, cannot be made or written to."
			e.Try = "Make it writable for you, or name a folder of your own with HEARTH_HOME."
		}
		return "", e
	}
	return dir, nil
}

// lean reports whether the owner wants fewer tools for this agent.
func (h *home) lean(c choice) bool {
	own, _ := h.file.Config.Agents.Agent(c.agent)
	return yes(own.Experimental.LocalModelLean)
}
