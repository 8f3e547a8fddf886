package netguard_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"hearth/internal/netguard"
)

// serveRaw gives the address of a server that handles each connection with serve.
func serveRaw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return "http://" + l.Addr().String()
}

// request reads one request whole.
func request(conn net.Conn) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
	}
	if err != nil {
		return nil
	}
	return r
}

func TestAnExchangeOverAConnectionOfItsOwn(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	for _, row := range []struct {
		name, status, body string
		err                error  // in the chain, when the answer never begins
		says               string // in its words
		broken             error  // in the chain of what reading the body gives
		serve              func(net.Conn)
	}{
		{name: "a whole answer", status: "200 OK", body: "hello", serve: func(c net.Conn) { request(c); _, _ = io.WriteString(c, ok) }},
		{name: "an answer that ends with the connection", status: "200 OK", body: "hello", serve: func(c net.Conn) {
			request(c)
			_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nhello")
			_ = c.Close()
		}},
		{name: "answers that only announce one", status: "200 OK", body: "hello", serve: func(c net.Conn) {
			request(c)
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+ok)
		}},
		{name: "and nothing but them", says: "again and again", serve: func(c net.Conn) {
			request(c)
			_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 9))
		}},
		{name: "a refusal before the request was read", status: "413 Too Large", body: "no", serve: func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
			_, _ = io.Copy(io.Discard, c)
		}},
		{name: "an answer that breaks off", status: "200 OK", body: "hel", broken: io.ErrUnexpectedEOF, serve: func(c net.Conn) {
			request(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
			_ = c.Close()
		}},
		{name: "a server that hangs up", err: io.EOF, serve: func(c net.Conn) { request(c); _ = c.Close() }},
		{name: "a server that is no web server", says: "malformed HTTP", serve: func(c net.Conn) {
			_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
			_, _ = io.Copy(io.Discard, c) // what is left unread would be answered with a reset
		}},
		{name: "headers without an end", says: "longer than 1048576 bytes", serve: func(c net.Conn) {
			request(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for range 2 << 10 {
				if _, err := io.WriteString(c, "X: "+strings.Repeat("y", 1020)+"\r\n"); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := serveRaw(t, row.serve)
			client := guardFor(t, netguard.Config{Origin: url}).Client()
			resp, err := client.Post(url+"/v1", "text/plain", strings.NewReader(strings.Repeat("words ", 50_000)))
			if row.err != nil || row.says != "" {
				if err == nil || row.err != nil && !errors.Is(err, row.err) && !errors.Is(err, syscall.ECONNRESET) || !strings.Contains(err.Error(), row.says) {
					t.Fatalf("got %v, want %v %q", err, row.err, row.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if resp.Status != row.status || string(body) != row.body || !errors.Is(err, row.broken) {
				t.Errorf("got %s %q %v", resp.Status, body, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Closing an answer, and ending its context, close the connection: that is how a model
// server is told to stop.
func TestAnAnswerThatNobodyWantsIsHungUpOn(t *testing.T) {
	cause := errors.New("the person went away")
	for _, how := range []string{"closed", "cancelled", "cancelled before the answer"} {
		t.Run(how, func(t *testing.T) {
			asked, hungUp := make(chan struct{}), make(chan struct{})
			url := serveRaw(t, func(c net.Conn) {
				request(c)
				close(asked)
				if how != "cancelled before the answer" {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhel")
				}
				_, _ = io.Copy(io.Discard, c)
				close(hungUp)
			})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("words"))
			if err != nil {
				t.Fatal(err)
			}
			if how == "cancelled before the answer" {
				go func() { <-asked; cancel(cause) }()
			}
			resp, err := guardFor(t, netguard.Config{Origin: url}).Client().Do(req)
			if err != nil {
				if how != "cancelled before the answer" || !errors.Is(err, cause) {
					t.Fatal(err)
				}
				<-hungUp
				return
			}
			if how == "closed" {
				_ = resp.Body.Close()
				<-hungUp
				return
			}
			cancel(cause)
			if _, err := io.ReadAll(resp.Body); !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			<-hungUp
			_ = resp.Body.Close() // it is closed already
		})
	}
}
