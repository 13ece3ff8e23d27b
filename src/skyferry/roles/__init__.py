"""What a process does, a class for each role: any number of processes can have each (docs/adr/0005)."""
