package main

import (
	"context"

	"hearth"
)

// settle makes sure that there is a model to talk to.
func (a *app) settle(context.Context, string) error { return nil }

// discovered gives the model of a local server that was found.
func (a *app) discovered(context.Context) (hearth.ModelRef, bool) { return hearth.ModelRef{}, false }
