/*
 * dsdt.asl - what a partition's firmware would say about its small PC.
 *
 * Hardware-reduced ACPI: no PIC, PIT, RTC, i8042, VGA, power-management
 * timer or SCI. Numbers that appear in C too: COM1 in drivers/virt/vuart.h,
 * sleep type, event port and GSI in drivers/virt/vpm.h, windows in
 * vmm/guest_acpi.h (a unit test compares them).
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "BLKHED", "BULKHEAD", 0x00000001)
{
    /* Soft-off: SLP_TYP 5 in the sleep control register. */
    Name (\_S5, Package () { 0x05, 0x05, 0x00, 0x00 })

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, Zero)
            Name (_BBN, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0x0000, 0x0000, 0x0000, 0x0000, 0x0001)
                IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    EntireRange, 0x0000, 0x1000, 0xEFFF, 0x0000, 0xE000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                    NonCacheable, ReadWrite, 0x00000000, 0xE0000000,
                    0xFEBFFFFF, 0x00000000, 0x1EC00000)
            })
            /* No _PRT: every device signals by MSI-X. */
        }

        /* guest_acpi.c writes 0 here when the partition has no COM1. */
        Name (UPRS, 0x0F)

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, One)
            Method (_STA, 0, NotSerialized)
            {
                Return (UPRS)
            }
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
            })
        }

        /* The power button, and the device that says when it was pressed:
         * ACPI, "Interrupt-signaled ACPI events". */
        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C"))
            Name (_UID, Zero)
        }

        OperationRegion (EVRG, SystemIO, 0x0603, 0x01)
        Field (EVRG, ByteAcc, NoLock, Preserve)
        {
            EVST, 8 /* reading it clears it */
        }

        Device (GED)
        {
            Name (_HID, "ACPI0013")
            Name (_UID, Zero)
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 9 }
            })
            Method (_EVT, 1, Serialized)
            {
                Local0 = EVST
                If (Local0 & 0x01)
                {
                    Notify (\_SB.PWRB, 0x80)
                }
            }
        }
    }
}
