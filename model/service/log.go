package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// logBytes is how large a log may grow before it is begun anew; the one before is kept.
	logBytes = 4 << 20
	// tailBytes is how much of a server's last words is kept.
	tailBytes = 2 << 10
)

// logFile keeps what a server writes, and its end in memory.
type logFile struct {
	path string

	mu   sync.Mutex // guards what follows
	file *os.File   // nil after a file system's refusal: a full disk must not stop the server
	size int64
	last []byte
}

func openLog(path string) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	l := &logFile{path: path, file: file}
	if info, err := file.Stat(); err == nil {
		l.size = info.Size()
	}
	return l, nil
}

// Write takes everything, whatever the disk says: the server would block otherwise.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, b...)
	l.last = l.last[max(0, len(l.last)-tailBytes):]
	l.keep(b)
	return len(b), nil
}

// note writes a line of the keeper's own.
func (l *logFile) note(at time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep([]byte("-- " + at.Format(time.RFC3339) + " " + text + "\n"))
}

func (l *logFile) keep(b []byte) {
	if l.size+int64(len(b)) > logBytes && l.size > 0 {
		l.renew()
	}
	if l.file == nil {
		return
	}
	n, err := l.file.Write(b)
	l.size += int64(n)
	if err != nil {
		_ = l.file.Close() // it takes no more
		l.file = nil
	}
}

// renew puts the log aside and begins another.
func (l *logFile) renew() {
	if l.file != nil {
		_ = l.file.Close() // what is in it is in it
	}
	_ = os.Remove(l.path + ".1")
	_ = os.Rename(l.path, l.path+".1") // where that fails the log is begun anew all the same
	l.size = 0
	var err error
	if l.file, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		l.file = nil
	}
}

// tail is the end of what the server wrote.
func (l *logFile) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.ToValidUTF8(string(l.last), "")
}

// Close closes the file.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
