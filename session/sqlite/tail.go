package sqlite

import (
	"slices"

	"hearth/session"
)

// tail keeps the newest messages of a session decoded, so that reading a live epoch costs
// the same however long the transcript before it is. It ends with the last message of the
// session. A slice that was given out stays as it is.
type tail struct {
	rows  []row
	bytes int
	limit int
	next  session.Seq // of the message that comes next
}

// begin is the first Seq in memory, or the next one where none is.
func (t *tail) begin() session.Seq { return t.next - session.Seq(len(t.rows)) }

// push adds the next message. Once the limit is passed, a quarter more than needed goes,
// so that the copy is rare.
func (t *tail) push(r row) {
	t.rows = append(t.rows, r)
	t.bytes += r.bytes
	t.next = r.Seq + 1
	if t.bytes <= t.limit {
		return
	}
	gone := 0
	for gone < len(t.rows) && t.bytes > t.limit*3/4 {
		t.bytes -= t.rows[gone].bytes
		gone++
	}
	t.rows = slices.Clone(t.rows[gone:])
}

// since gives the messages in memory from Seq on.
func (t *tail) since(from session.Seq) []row {
	return t.rows[min(max(int(from-t.begin()), 0), len(t.rows)):]
}
