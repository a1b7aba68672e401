package main

import (
	"github.com/matchwire/matchwire/app"
)

const defaultConfig = "matchwire.yaml"

type runCmd struct {
	Roles     []app.Role `arg:"" optional:"" name:"role" help:"parser (polls pages, emits events), consumers (react to them), fanout (streams them to clients and serves the live page). All, if none is named."`
	Config    string     `help:"The config file (${default}, which may be missing)." default:"${config}" placeholder:"FILE"`
	Listen    string     `help:"Where fanout serves, in place of what the config says." env:"MATCHWIRE_LISTEN" placeholder:"HOST:PORT"`
	Name      string     `help:"What ps calls this process (the machine's name and the process ID)." env:"MATCHWIRE_NAME" placeholder:"NAME"`
	Advertise string     `help:"Where others reach fanout; without it where it listens." env:"MATCHWIRE_ADVERTISE" placeholder:"HOST:PORT"`
	Health    string     `help:"Serve /healthz here too. Where fanout serves it is there anyway." env:"MATCHWIRE_HEALTH" placeholder:"HOST:PORT"`
}

func (r *runCmd) Run(c *console) error {
	servers, err := c.servers()
	if err != nil {
		return err
	}
	config, err := c.config(r.Config)
	if err != nil {
		return err
	}
	if r.Listen != "" {
		config.Fanout.Listen = r.Listen
	}
	a := app.New(config, servers, c.log)
	a.HealthAddress, a.Name, a.Advertise = r.Health, r.Name, r.Advertise
	return a.Run(c.ctx, r.Roles...)
}
