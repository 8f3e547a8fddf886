// Command fakeserver is a model server that says what it is told to, in all four
// protocols, or misbehaves in one of the ways of model/modeltest:
//
//	go run ./model/modeltest/fakeserver -list
//	go run ./model/modeltest/fakeserver -row 'dies in the middle of its answer'
//	go run ./model/modeltest/fakeserver -identity ollama -window 4096 -text 'Hello.'
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"hearth/model/modeltest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("fakeserver", flag.ContinueOnError)
	address := flags.String("address", "127.0.0.1:8080", "where to listen")
	identity := flags.String("identity", "", "which server to be on all other paths: llama.cpp, ollama, lmstudio, vllm, …")
	window := flags.Int("window", 0, "tokens of the context window; 0 = any length")
	refusal := flags.String("refusal", "", "how to refuse what is longer: llama.cpp, vllm, lmstudio, …; empty cuts in silence")
	text := flags.String("text", "ok", "what to answer")
	row := flags.String("row", "", "how to misbehave, at every call")
	list := flags.Bool("list", false, "print the ways to misbehave, and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	behave, known := modeltest.Say(modeltest.Reply{Text: *text}), *row == ""
	for _, p := range modeltest.Pathologies() {
		if *list {
			fmt.Fprintf(out, "%s\n    %s\n    (%s)\n", p.Name, p.Prose, strings.Join(p.Protocols, ", "))
		}
		if p.Name == *row && p.Serve != nil {
			behave, known = p.Serve, true
		}
	}
	if *list {
		return nil
	}
	if !known {
		return fmt.Errorf("no way to misbehave is called %q; -list prints them", *row)
	}
	server, err := modeltest.Start(modeltest.Config{
		Identity: modeltest.Identity(*identity), Window: *window, Refusal: *refusal, Forget: true, Default: behave,
		Models: []modeltest.Model{{ID: "test-model", Window: *window, TrainedMax: *window}},
	}, *address)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Fprintln(out, server.URL)
	<-ctx.Done()
	return nil
}
