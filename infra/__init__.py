"""The only code that touches the outside: settings, storage, tracking, runners, threads, logs."""
