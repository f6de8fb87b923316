"""The parts of the attack harness: keys and certificates, the servers, the clients, the measurements."""
