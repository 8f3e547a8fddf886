package main

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// sites are what a script finds at an address instead of a model server, or before one.
//
//	page      a web page, whatever is asked
//	unlisted  passes messages on to SERVER, and has no list of its models
//	secure    passes everything on to SERVER, over HTTPS; its certificate is in NAME.pem
//	curt      HTTPS; hangs up without a word on whoever does not begin with TLS
var sites = map[string]func(ts *testscript.TestScript, behind http.Handler) *httptest.Server{
	"page": func(*testscript.TestScript, http.Handler) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<!doctype html><title>Router login</title><p>Who are you?")
		}))
	},
	"unlisted": func(_ *testscript.TestScript, behind http.Handler) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				behind.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"detail":"Not Found"}`)
		}))
	},
	"secure": func(_ *testscript.TestScript, behind http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(behind)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		return s
	},
	"curt": func(ts *testscript.TestScript, _ http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		l, err := tls.Listen("tcp", "127.0.0.1:0", s.TLS)
		ts.Check(err)
		ts.Defer(func() { _ = l.Close() })
		go hangUp(l)
		s.URL = "https://" + l.Addr().String()
		return s
	},
}

// hangUp shakes hands and closes, until the listener is closed.
func hangUp(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() { // ends with the handshake
			if c, ok := conn.(*tls.Conn); ok {
				_ = c.NetConn().SetDeadline(time.Now().Add(time.Minute))
				_ = c.HandshakeContext(context.Background()) // it closes either way
				_ = c.NetConn().Close()
			}
		}()
	}
}

func scriptSite(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && (len(args) == 2 || len(args) == 3) && sites[args[1]] != nil, "site NAME KIND [SERVER]")
	var behind http.Handler = http.NotFoundHandler()
	if len(args) == 3 {
		to, err := url.Parse(server(ts, args[2]).URL)
		ts.Check(err)
		behind = httputil.NewSingleHostReverseProxy(to)
	}
	s := sites[args[1]](ts, behind)
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
	if c := s.Certificate(); c != nil {
		b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), b, 0o600))
	}
	_, host, _ := strings.Cut(s.URL, "://")
	ts.Setenv(args[0]+"_host", host)
}
