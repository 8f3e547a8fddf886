package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"hearth/config"
	"hearth/model"
)

// app is Hearth as one command uses it: the parts, each introduced to those that it needs.
// They stand here in the order in which they are made; none knows of one below it. What
// belongs to a single command is in that command's file.
type app struct {
	*home              // the config and the state folder, and who sits at the terminal
	keys     *keyring  // credentials
	journal  *journal  // the log
	archive  *archive  // the conversations on disk
	roster   *roster   // which providers and models there are, by name
	clients  *clients  // how servers are reached
	locks    *locks    // what processes keep from each other
	servers  *servers  // what servers say of themselves, whose turn it is, which of them rest
	services *services // servers that are started when they are needed
	targets  *targets  // the models that are asked, first choice first
	calls    *calls    // asking them
	toolbox  *toolbox  // the tools that an agent may use
}

// newApp reads the config. Whatever is wrong with it is told, and never keeps the
// gateway down.
func newApp(ctx context.Context, s streams, opt *options) (*app, error) {
	file, warnings, err := config.Load(ctx, config.Options{Path: opt.config})
	if err != nil {
		return nil, homeless("read config", err)
	}
	a := compose(&home{io: s, file: file, told: map[string]bool{}})
	a.servers.cooldowns.Keep(a.state("cache", "cooldowns.json"), func(t model.Target) string { return a.targets.mark(ctx, t) })
	a.warn(warnings)
	a.closeState()
	return a, nil
}

// compose makes the parts. None of them opens anything before it is used.
func compose(h *home) *app {
	a := &app{home: h}
	a.keys = &keyring{home: h}
	a.journal = &journal{home: h, keys: a.keys, run: newID()[:8]}
	a.archive = &archive{home: h, journal: a.journal}
	a.roster = &roster{home: h, keys: a.keys}
	a.clients = &clients{home: h, keys: a.keys, reached: map[string]reach{}}
	a.locks = newLocks(h)
	a.servers = newServers(h, a.clients, a.locks)
	a.services = &services{home: h, keys: a.keys, roster: a.roster, clients: a.clients, servers: a.servers}
	a.targets = &targets{home: h, keys: a.keys, roster: a.roster, clients: a.clients, servers: a.servers, kept: map[string]candidate{}}
	a.calls = newCalls(&calls{home: h, journal: a.journal, roster: a.roster, servers: a.servers, services: a.services, targets: a.targets})
	a.toolbox = &toolbox{home: h, journal: a.journal, roster: a.roster, servers: a.servers, targets: a.targets}
	return a
}

func (a *app) close() {
	a.servers.slots.Close()
	for _, told := range a.servers.slots.Aftermaths() {
		fmt.Fprintf(a.io.err, "note: %s\n", oneLine(told))
	}
	a.services.close()
	a.locks.close()
	a.journal.close()
	a.archive.close()
}

// newID gives a random id.
func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// write applies edits and takes the new config into use.
func (a *app) write(ctx context.Context, edits []config.Edit) error {
	change, err := a.file.Apply(edits...)
	if err != nil {
		return err
	}
	done, err := change.Write(ctx)
	if err != nil {
		return err
	}
	if done.CopiedFrom != "" {
		fmt.Fprintf(a.io.err, "config: %s was copied to %s, which Hearth uses from now on\n", done.CopiedFrom, done.CopiedTo)
	}
	next, warnings, _, err := a.file.Reload(ctx)
	if err != nil {
		return err
	}
	a.file = next
	a.warn(warnings)
	a.forget()
	return nil
}

// forget drops what was made from an older config, and lets everybody be asked again:
// the key that was refused may be another one now.
func (a *app) forget() {
	a.servers.cooldowns.Clear()
	a.targets.forget()
	a.clients.forget()
	a.servers.describer.AskAnew()
}
