"""What tuning and running cost: dated prices, ledgers, net benefit and break-even. Pure: numbers in, records out."""
