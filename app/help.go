package app

import "github.com/alecthomas/kong"

// helpTexts are the help texts of flags and arguments that are too long for a struct
// tag, by the name that the tag uses.
var helpTexts = kong.Vars{
	"help_log_level": "debug, info, warn or error (default: info, or warn for demo and replay).",
	"help_namespace": "Namespace on shared servers, in place of the config's.",

	"run_roles":     "Roles to run: api, scheduler, parser, consumers or fanout (default: all).",
	"run_listen":    "Address to serve on, in place of the config's. With it, every role serves /healthz.",
	"run_anybody":   "Let clients on other machines connect to the streams without a token.",
	"run_name":      "Name of this process in ps (default: host name and process ID).",
	"run_advertise": "Address at which others reach this process (default: the one that it serves on).",

	"dead_list_consumer": "Consumer or queue. Without it, count the dead letters of all consumers in the config.",
	"emit_facts":         "Facts as JSON. Without them, each line of standard input is the facts of an event.",
	"record_profile":     "Name or file of the profile. A file is copied into the fixture.",
	"trace_rows":         "Show where on the page each event was found. With an event's ID, that is always shown for it.",
}
