"""Mails that come back, in the shapes that real servers give them."""

POSTFIX = """\
Return-Path: <>
Delivered-To: {to}
Received: by mx.shop.example (Postfix) id 4F1B2
Date: Sun,  1 Mar 2026 19:30:00 +0000 (UTC)
From: MAILER-DAEMON@mx.shop.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="9A2C1.1772393400/mx.shop.example"
Message-Id: <20260301193000.4F1B2@mx.shop.example>

This is a MIME-encapsulated message.

--9A2C1.1772393400/mx.shop.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

<zoe@example.com>: host mx.example.com[192.0.2.25] said: 550 5.1.1
    <zoe@example.com>: Recipient address rejected: User unknown (in reply to RCPT TO command)

--9A2C1.1772393400/mx.shop.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.shop.example
X-Postfix-Queue-ID: 9A2C1
X-Postfix-Sender: rfc822; {to}
Arrival-Date: Sun,  1 Mar 2026 19:29:58 +0000 (UTC)

Final-Recipient: rfc822; zoe@example.com
Original-Recipient: rfc822;zoe@example.com
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; {diagnostic}

--9A2C1.1772393400/mx.shop.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

Return-Path: <{to}>
From: Bella Shop <hello@shop.example>
To: Zoe Miller <zoe@example.com>
Subject: Your order #4711 is ready
Message-ID: <orderbell.812.69a485a8@shop.example>
References: <orderbell.4711.0123456789abcdef0123@shop.example>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_orderbell_812"

--=_orderbell_812
Content-Type: text/plain

Action: failed
--=_orderbell_812--

--9A2C1.1772393400/mx.shop.example--
"""

EXCHANGE = """\
From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com>
To: <{to}>
Date: Sun, 1 Mar 2026 19:30:05 +0000
Content-Type: multipart/report; report-type=delivery-status;
 boundary="d5f0d2e6-5a0c-4f9e-8a13-7a3d3a1a4f10"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-US
Message-ID: <9c6f@EX01.example.com>
In-Reply-To: <orderbell.812.69a485a8@shop.example>
References: <orderbell.812.69a485a8@shop.example>
Subject: Undeliverable: Your order #4711 is ready
Auto-Submitted: auto-replied
MIME-Version: 1.0

--d5f0d2e6-5a0c-4f9e-8a13-7a3d3a1a4f10
Content-Type: multipart/alternative; differences=Content-Type;
 boundary="9b1f0a52-inner"

--9b1f0a52-inner
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Your message to zoe@example.com couldn't be delivered=2E

--9b1f0a52-inner
Content-Type: text/html; charset="us-ascii"
Content-Transfer-Encoding: base64

PGh0bWw+PC9odG1sPg==

--9b1f0a52-inner--

--d5f0d2e6-5a0c-4f9e-8a13-7a3d3a1a4f10
Content-Type: message/delivery-status

Reporting-MTA: dns;EX01.example.com
Received-From-MTA: dns;mx.shop.example
Arrival-Date: Sun, 1 Mar 2026 19:30:04 +0000

Final-Recipient: rfc822;zoe@example.com
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient
 zoe@example.com not found by SMTP address lookup
X-Display-Name: zoe@example.com

--d5f0d2e6-5a0c-4f9e-8a13-7a3d3a1a4f10
Content-Type: message/rfc822

From: Bella Shop <hello@shop.example>
To: Zoe Miller <zoe@example.com>
Message-ID: <orderbell.812.69a485a8@shop.example>

--d5f0d2e6-5a0c-4f9e-8a13-7a3d3a1a4f10--
"""

GMAIL = """\
Delivered-To: {to}
Return-Path: <>
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: {to}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: <orderbell.812.69a485a8@shop.example>
In-Reply-To: <orderbell.812.69a485a8@shop.example>
X-Failed-Recipients: zoe@example.com
Content-Type: multipart/report; boundary="0000000000007c1b8d05d9"; report-type=delivery-status
Message-ID: <69a48600.mail-delivery@google.com>

--0000000000007c1b8d05d9
Content-Type: multipart/related; boundary="000000000000inner"

--000000000000inner
Content-Type: multipart/alternative; boundary="000000000000innermost"

--000000000000innermost
Content-Type: text/plain; charset="UTF-8"

** Address not found **
--000000000000innermost--
--000000000000inner
Content-Type: image/png; name="icon.png"
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--000000000000inner--
--0000000000007c1b8d05d9
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Received-From-MTA: dns; hello@shop.example
Arrival-Date: Sun, 01 Mar 2026 11:30:02 -0800 (PST)
X-Original-Message-ID: <orderbell.812.69a485a8@shop.example>

Final-Recipient: rfc822; zoe@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.com. (192.0.2.27, the server for the domain example.com.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
 550-5.1.1 double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces. 5si - gsmtp
Last-Attempt-Date: Sun, 01 Mar 2026 11:30:03 -0800 (PST)

--0000000000007c1b8d05d9
Content-Type: message/rfc822

From: Bella Shop <hello@shop.example>
To: zoe@example.com
Message-ID: <orderbell.812.69a485a8@shop.example>

--0000000000007c1b8d05d9--
"""

SES = """\
X-Original-To: {to}
From: MAILER-DAEMON@eu-central-1.amazonses.com
To: {to}
Subject: Delivery Status Notification (Failure)
MIME-Version: 1.0
Content-Type: multipart/report; boundary="----=_Part_1_2"; report-type=delivery-status

------=_Part_1_2
Content-Type: text/plain; charset=us-ascii

An error occurred while trying to deliver the mail to the following recipients:
zoe@example.com
------=_Part_1_2
Content-Type: message/delivery-status

Reporting-MTA: dns; a4-1.smtp-out.eu-central-1.amazonses.com

Action: failed
Final-Recipient: rfc822; zoe@example.com
Diagnostic-Code: smtp; 554 4.4.7 Message expired: unable to deliver in 840
 minutes.<421 4.4.1 Unable to connect to remote host>
Status: 4.4.7

------=_Part_1_2
Content-Type: text/rfc822-headers

From: Bella Shop <hello@shop.example>
To: zoe@example.com
Message-ID: <0107019ab-000000@eu-central-1.amazonses.com>

------=_Part_1_2--
"""

UTF_8 = """\
From: mailer@mx.example
To: {to}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=global-delivery-status; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

zoë@bücher.example gibt es nicht.
--b
Content-Type: message/global-delivery-status
Content-Transfer-Encoding: base64

{status_part}
--b
Content-Type: message/global-headers
Content-Transfer-Encoding: 8bit

From: Bella Shop <hello@shop.example>
To: Zoë <zoë@bücher.example>
Message-ID: <orderbell.812.69a485a8@shop.example>

--b--
"""

COMPLAINT = """\
From: <feedback@isp.example>
To: <abuse@shop.example>
Subject: FW: Your order #4711 is ready
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {feedback_type}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{return_path}>
Original-Rcpt-To: <{recipient}>
Received-Date: Sun, 1 Mar 2026 19:40:00 +0000

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

From: Bella Shop <hello@shop.example>
To: <redacted>
Subject: Your order #4711 is ready
Message-ID: <orderbell.812.69a485a8@shop.example>

--part1_13d.2e68ed54_boundary--
"""

VACATION = """\
From: Zoe <zoe@example.com>
To: {to}
Subject: Out of office
Auto-Submitted: auto-replied
In-Reply-To: <orderbell.812.69a485a8@shop.example>
Content-Type: text/plain

I am away until Monday. 550 5.1.1 is not what this is.
"""

QMAIL = """\
From: MAILER-DAEMON@mx.example
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<zoe@example.com>:
Sorry, no mailbox here by that name. (#5.1.1)
"""


def postfix(
    to: str = "bounces@shop.example",
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "550 5.1.1 <zoe@example.com>: Recipient address rejected: User unknown",
) -> bytes:
    return crlf(POSTFIX.format(to=to, action=action, status=status, diagnostic=diagnostic))


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()
