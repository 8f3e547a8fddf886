package process

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent has the kernel kill the program when the gateway dies in any way.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// A program is a line of /proc. Its number and its start together name it for good.
type program struct {
	id, parent, group int
	state             byte
	start             string
}

// ended reports whether it only waits for its parent to notice its end.
func (p program) ended() bool { return p.state == 'Z' || p.state == 'X' }

// Born tells when a running program was started: with its number that names it for good.
// ok is false where it does not run, or the system does not say.
func Born(id int) (when string, ok bool) {
	p, ok := read(id)
	return p.start, ok && !p.ended()
}

// programs are all that run now. One that ends meanwhile is left out.
func programs() []program {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	out := make([]program, 0, len(names))
	for _, name := range names {
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if p, ok := read(id); ok {
			out = append(out, p)
		}
	}
	return out
}

func read(id int) (program, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/stat")
	if err != nil {
		return program{}, false
	}
	// proc(5): pid (comm) state ppid pgrp … starttime is field 22. comm may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return program{}, false
	}
	p := program{id: id, state: fields[0][0], start: fields[19]}
	p.parent, _ = strconv.Atoi(fields[1])
	p.group, _ = strconv.Atoi(fields[2])
	return p, true
}

// Remember notes who descends from the group's leader, as long as that can be seen: a
// program that left the group and its environment is still somebody's child.
func (g *Group) Remember() { g.known = append(g.known, g.descendants()...) }

// KillFamily ends at once the group, everything that descends from its leader, as far as
// that can be seen, and everything that inherited the mark. It leaves nothing to wait for,
// and any goroutine may call it.
func (g *Group) KillFamily(mark string) {
	family := g.descendants() // before the parents are gone
	g.Kill()
	killMarked(family, mark)
}

func (g *Group) descendants() (found []program) {
	all := programs()
	family := map[int]bool{g.id: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if family[p.parent] && !family[p.id] {
				family[p.id], grown = true, true
				found = append(found, p)
			}
		}
	}
	return found
}

// Alive reports whether anything of the group still runs. Programs that have ended and
// that nobody noticed do not count; where the gateway is the first process of a
// container, they are its own to notice.
func (g *Group) Alive() bool {
	for {
		if id, err := syscall.Wait4(-g.id, nil, syscall.WNOHANG, nil); err != nil || id <= 0 {
			break
		}
	}
	return syscall.Kill(-g.id, 0) == nil &&
		slices.ContainsFunc(programs(), func(p program) bool { return p.group == g.id && !p.ended() })
}

// KillMarked kills every program of this user that was remembered or that inherited the
// mark, wherever it went: a daemon leaves its group and its session, and keeps its
// environment. It looks again until a look finds none, since a program can start
// another in between.
func (g *Group) KillMarked(mark string) { killMarked(g.known, mark) }

// KillMarked kills every program of this user that inherited a mark that begins so,
// wherever it went, and gives their number.
func KillMarked(mark string) int { return killMarked(nil, mark) }

func killMarked(remembered []program, mark string) int {
	const looks = 20
	entry := []byte(MarkName + "=" + mark)
	killed := map[int]bool{}
	for range looks {
		found := false
		for _, p := range programs() {
			if p.ended() || p.id == os.Getpid() {
				continue
			}
			known := slices.ContainsFunc(remembered, func(k program) bool { return k.id == p.id && k.start == p.start })
			if !known {
				env, err := os.ReadFile("/proc/" + strconv.Itoa(p.id) + "/environ")
				known = err == nil && bytes.Contains(env, entry)
			}
			if known && syscall.Kill(p.id, syscall.SIGKILL) == nil {
				found, killed[p.id] = true, true
			}
		}
		if !found {
			break
		}
	}
	return len(killed)
}
