"""The server: durable jobs, supervised workers, HTTP and websockets. Imports no torch."""
