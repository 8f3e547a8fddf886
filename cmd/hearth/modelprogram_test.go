package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"hearth/model/modeltest"
)

// modelProgram is a model server to be started on demand:
//
//	modelprogram -address ADDRESS [-window N] [-note FILE] [-dies WORDS]
//
// It answers ok to everything until it is ended. FILE gets what it was started with.
func modelProgram() {
	address := flag.String("address", "", "where to listen")
	window := flag.Int("window", 0, "tokens of the context window")
	note := flag.String("note", "", "file for the environment")
	dies := flag.String("dies", "", "say this and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *note != "" {
		if err := os.WriteFile(*note, []byte("started\n"+strings.Join(os.Environ(), "\n")+"\n"), 0o600); err != nil {
			panic(err)
		}
	}
	if *dies != "" {
		fmt.Fprintln(os.Stderr, *dies)
		os.Exit(3)
	}
	s, err := modeltest.Start(modeltest.Config{
		Identity: "llama.cpp", Forget: true, Models: []modeltest.Model{{ID: "test-model", Window: *window, TrainedMax: *window}},
	}, *address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-ctx.Done()
	s.Close()
}

// scriptFreeAddress gives an address that a program may listen on later. Where all of
// 127.0.0.0/8 is this machine it is one that nobody else will come upon; elsewhere a port
// that was free a moment ago.
func scriptFreeAddress(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "freeaddress NAME")
	if runtime.GOOS == "linux" {
		n, err := rand.Int(rand.Reader, big.NewInt(1<<24-2))
		ts.Check(err)
		ip := n.Int64() + 1
		ts.Setenv(args[0], fmt.Sprintf("127.%d.%d.%d:18080", byte(ip>>16), byte(ip>>8), byte(ip)))
		return
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

func scriptNobody(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "nobody ADDRESS")
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", args[0])
	if err == nil {
		ts.Check(conn.Close())
		ts.Fatalf("somebody listens on %s", args[0])
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		ts.Fatalf("%v", err)
	}
}
