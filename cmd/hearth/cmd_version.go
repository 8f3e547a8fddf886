package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

func newVersion(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				printJSON(s.out, build{version, runtime.GOOS, runtime.GOARCH, runtime.Version()})
				return nil
			}
			return printVersion(s.out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// build is the shape of `hearth version --json`.
type build struct {
	Version string `json:"version"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Go      string `json:"go"`
}

func printVersion(w io.Writer) error {
	_, err := fmt.Fprintf(w, "hearth %s (%s/%s)\n", version, runtime.GOOS, runtime.GOARCH)
	return err
}
